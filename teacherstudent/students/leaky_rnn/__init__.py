"""The student `leaky-rnn`: a leaky recurrent network on memory tasks.

Nothing else imports from here.
"""
