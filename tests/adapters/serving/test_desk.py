"""Requests of many clients become few calls of the teacher."""

import numpy as np
import pytest
from adapted import HEIGHT, Listener

from teacherstudent import Outcomes
from teacherstudent.adapters.serving import desk as desks
from teacherstudent.adapters.serving.desk import Desk, Request
from teacherstudent.adapters.serving.messages import Inbox, Message, read_text
from teacherstudent.adapters.serving.records import outcomes_arrays, read_assignment


class Counting(Listener):
    """Counts the asks, and keeps how far they were said to be."""

    def __init__(self, space, *, seed=0):
        super().__init__(space, seed=seed)
        self.asks, self.paces = [], []

    def _ask(self, ids, progress):
        self.asks.append(len(ids))
        self.paces.append(progress)
        return super()._ask(ids, progress)


class Few(Counting):
    """Has two tasks at a time."""

    def _ask(self, ids, progress):
        return super()._ask(ids, progress).select(slice(0, 2))


class Rollouts(Counting):
    granularity = "rollout"


class Breaks(Counting):
    """Cannot learn."""

    def _tell(self, outcomes):
        raise KeyError("broken")


def ask(client, n=1, progress=0.0):
    return Request(client, Message("ask", {"n": np.array([n]), "progress": np.array([progress])}))


def tell(client, ids, score=1.0, **signals):
    n = len(ids)
    told = Outcomes(
        ids=np.array(ids),
        tasks=np.full((n, 1), 0.5, np.float32),
        score=np.full(n, score),
        cost=np.full(n, 10.0),
        signals=signals,
    )
    return Request(client, Message("tell", outcomes_arrays(told)))


def read(data):
    inbox = Inbox()
    inbox.feed(data)
    return inbox.next()


def rows(answers):
    return {client: read_assignment(read(data)).ids.tolist() for client, data in answers}


def test_many_asks_are_one_and_so_are_many_tells():
    teacher = Counting(HEIGHT)
    desk = Desk(teacher)
    assert rows(desk.serve([ask(7, 2), ask(8), ask(9, 3)])) == {7: [0, 1], 8: [2], 9: [3, 4, 5]}
    assert teacher.asks == [6]
    assert desk.serve([tell(7, [1]), tell(9, [3, 5]), tell(8, [2])]) == []
    assert [told.ids.tolist() for told in teacher.told] == [[1, 3, 5, 2]]
    assert teacher.outstanding.tolist() == [0, 4]
    assert desk.counts == {"asked": 6, "told": 4}


def test_what_was_told_is_taken_in_before_anything_is_asked_for():
    teacher = Counting(HEIGHT)
    desk = Desk(teacher)
    desk.serve([ask(1)])
    seen = []
    ask_first = teacher._ask
    teacher._ask = lambda ids, progress: seen.append(len(teacher.told)) or ask_first(ids, progress)
    desk.serve([ask(2), tell(1, [0])])
    assert seen == [1]


def test_rows_of_other_columns_are_told_apart():
    teacher = Counting(HEIGHT)
    desk = Desk(teacher)
    desk.serve([ask(1, 3)])
    desk.serve([tell(1, [0], length=np.ones(1)), tell(1, [1]), tell(1, [2], length=np.ones(1))])
    assert sorted(told.ids.tolist() for told in teacher.told) == [[0, 2], [1]]


def test_one_client_s_wrong_rows_do_no_harm_to_others():
    teacher = Counting(HEIGHT)
    desk = Desk(teacher)
    desk.serve([ask(1), ask(2), ask(3)])
    desk.serve([tell(1, [0]), tell(2, [1], np.nan), tell(3, [99]), tell(3, [2])])
    assert sorted(number for told in teacher.told for number in told.ids) == [0, 2]
    assert teacher.outstanding.tolist() == [1]
    answers = dict(desk.serve([ask(1), ask(2), ask(3)]))
    assert read(answers[1]).word == "rows"
    assert "finite" in read_text(read(answers[2]), "text")
    assert "never issued" in read_text(read(answers[3]), "text")
    # said once; no rows were handed out with the errors
    assert teacher.outstanding.tolist() == [1, 3]
    assert rows(desk.serve([ask(2)])) == {2: [4]}


def test_columns_of_different_lengths_are_never_joined():
    teacher = Counting(HEIGHT)
    desk = Desk(teacher)
    desk.serve([ask(1, 4)])
    short, long = dict(tell(1, [0]).message.arrays), dict(tell(1, [1, 2, 3]).message.arrays)
    short["score"], long["score"] = long["score"], short["score"]
    desk.serve([Request(1, Message("tell", short)), Request(2, Message("tell", long))])
    assert teacher.told == []
    assert desk.counts["refused"] == 2
    assert read(desk.serve([ask(2)])[0][1]).word == "error"


def test_a_teacher_with_few_tasks_is_asked_again():
    teacher = Few(HEIGHT)
    found = rows(Desk(teacher).serve([ask(1), ask(2), ask(3), ask(4, 5)]))
    assert found == {1: [0], 2: [1], 3: [2], 4: [3]}
    assert teacher.asks == [8, 6]


def test_teachers_that_decide_by_the_ask_get_each_client_s_own():
    teacher = Rollouts(HEIGHT)
    Desk(teacher).serve([ask(1, 2), ask(2, 3)])
    assert teacher.asks == [2, 3]


def test_rows_of_a_client_that_goes_are_dropped_and_told_of_too_late():
    teacher = Counting(HEIGHT)
    desk = Desk(teacher)
    desk.serve([ask(1, 3), ask(2)])
    desk.serve([tell(2, [0])])  # another client may tell
    assert desk.leave(1) == 2
    assert desk.leave(1) == 0
    assert teacher.outstanding.tolist() == [3]
    assert desk.serve([tell(2, [1, 3])]) == []
    assert [told.ids.tolist() for told in teacher.told] == [[0], [3]]
    assert desk.counts == {"asked": 4, "told": 2, "dropped": 2, "late": 1}


def test_rows_that_this_process_closed_itself_are_not_dropped_again():
    teacher = Counting(HEIGHT)
    desk = Desk(teacher)
    desk.serve([ask(1, 2)])
    teacher.drop(np.array([0]))
    assert desk.leave(1) == 1


def test_progress_is_that_of_all_clients_together():
    teacher = Counting(HEIGHT)
    desk = Desk(teacher, budget=40)
    desk.serve([ask(1, 2), ask(2)])
    desk.serve([tell(1, [0]), tell(2, [2])])
    desk.serve([ask(1)])
    desk.serve([tell(1, [1]), tell(1, [3]), tell(1, [-1])])
    desk.serve([ask(1)])
    assert teacher.paces == [0, 0.5, 1]
    free = Counting(HEIGHT)
    desk = Desk(free)
    for progress in (0.25, 0.5, 0.0):
        desk.serve([ask(1, progress=progress)])
    assert free.paces == [0.25, 0.5, 0.5]


@pytest.mark.parametrize(
    ("n", "progress", "words"), [(0, 0.0, "expected n"), (2**40, 0.0, "expected n"), (1, np.nan, "progress")]
)
def test_wrong_asks_are_answered_by_an_error(n, progress, words):
    teacher = Counting(HEIGHT)
    [(client, data)] = Desk(teacher).serve([ask(5, n, progress)])
    assert (client, read_text(read(data), "kind")) == (5, "ValueError")
    assert words in read_text(read(data), "text")
    assert teacher.outstanding.size == 0


def test_a_teacher_s_own_error_reaches_the_client_that_told():
    desk = Desk(Breaks(HEIGHT))
    desk.serve([ask(1)])
    desk.serve([tell(1, [0])])
    [(_, data)] = desk.serve([Request(1, Message("flush", {}))])
    assert "KeyError: 'broken'" in read_text(read(data), "text")
    assert read(desk.serve([Request(1, Message("flush", {}))])[0][1]).word == "done"


def test_tasks_are_given_up():
    teacher = Counting(HEIGHT)
    desk = Desk(teacher)
    desk.serve([ask(1, 2)])
    desk.serve([Request(1, Message("drop", {"ids": np.array([0])}))])
    assert teacher.outstanding.tolist() == [1]
    [(_, data)] = desk.serve([Request(1, Message("open", {}))])
    assert read(data).arrays["ids"].tolist() == [1]
    desk.serve([Request(1, Message("drop", {"ids": np.array([0.5])}))])
    assert read(desk.serve([Request(1, Message("flush", {}))])[0][1]).word == "error"


def test_notes_that_no_message_holds_end_in_an_error(monkeypatch):
    teacher = Counting(HEIGHT)
    desk = Desk(teacher)
    encode = desks.encode
    monkeypatch.setattr(
        desks,
        "encode",
        lambda word, arrays: encode(word, {"big": np.zeros(2**24)} if word == "rows" else arrays),
    )
    [(_, data)] = desk.serve([ask(1)])
    assert "fewer rows" in read_text(read(data), "text")
    assert teacher.outstanding.size == 0


def test_after_a_state_was_loaded_no_row_of_before_is_known():
    teacher = Counting(HEIGHT)
    desk = Desk(teacher)
    kept = teacher.state_dict()
    desk.serve([ask(1, 2), ask(2, 1)])
    desk.leave(2)
    teacher.load_state_dict(kept)
    desk.forget()
    # The same ids are handed out again, to another client: neither late nor the first one's.
    desk.serve([ask(3, 3)])
    assert desk.leave(1) == 0
    assert teacher.outstanding.tolist() == [0, 1, 2]
    desk.serve([tell(3, [0, 2])])
    assert (desk.counts["told"], desk.counts["late"]) == (2, 0)
    assert desk.leave(3) == 1
