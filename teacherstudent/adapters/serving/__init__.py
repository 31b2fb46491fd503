"""One teacher for many processes: a server beside the teacher, a client in each worker.

`messages` is the format on the wire, `records` puts assignments and outcomes into it, `addresses` says where
servers listen and who may enter, `desk` asks and tells the teacher, `links` holds what is read and
written for each worker, `server` and `client` are the two ends.
"""
