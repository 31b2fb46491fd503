"""Asks and tells one teacher for many clients, several at a time, and knows whose the open rows are."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from teacherstudent.adapters.serving.messages import MOST_BYTES, Message, encode, field, text
from teacherstudent.adapters.serving.records import assignment_arrays, read_outcomes
from teacherstudent.contract import spaces
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import UNASKED, Array, IntArray
from teacherstudent.recording.disk import plain

_REMEMBERED = 100_000
"""Ids of lost rows that are known, so that an outcome that comes after all is counted and does no harm."""
WORDS = frozenset({"ask", "tell", "drop", "flush", "metrics", "open"})
"""What a client may send once it is let in."""


class Request(NamedTuple):
    """What a client wants.

    Attributes:
        client: its number.
        message: what it has sent.
    """

    client: int
    message: Message


class Desk:
    """Serves the requests of many clients by few calls of the teacher.

    Rows that several clients tell are one ``tell``, rows that several ask for are one ``ask`` (of a teacher
    of episodes or steps and of one member: others decide by the ask, and get each client's own). What was
    told is taken in before anything is asked for.

    An outcome is not answered; why one was refused, its client is told at its next request instead.

    Args:
        teacher: of this process.
        budget: cost over which the teacher's progress goes from 0 to 1, of all clients together; None takes
            the furthest progress that a client has said.
        spent: what of the budget is spent already.
    """

    def __init__(self, teacher: Teacher[Any], *, budget: float | None = None, spent: float = 0.0) -> None:
        self.teacher = teacher
        self.budget = budget
        self.spent = spent
        self.counts: Counter[str] = Counter()
        self._progress = 0.0
        self._owner: dict[int, int] = {}
        self._open: defaultdict[int, set[int]] = defaultdict(set)
        self._refused: defaultdict[int, list[str]] = defaultdict(list)
        self._lost: OrderedDict[int, None] = OrderedDict()
        space = teacher.space
        row = np.dtype(space.dtype or np.int64).itemsize * max(1, math.prod(space.shape or ()))
        # Notes and ids travel with the tasks, so a part of the message is left to them.
        self._most = MOST_BYTES // 4 // row
        self._together = teacher.members == 1 and teacher.granularity in ("episode", "step")

    def serve(self, requests: Sequence[Request]) -> list[tuple[int, bytes]]:
        """Return the answers to requests, each with the client that it is for.

        Raises nothing: an error is an answer.
        """
        by_word: defaultdict[str, list[Request]] = defaultdict(list)
        for request in requests:
            by_word[request.message.word].append(request)
        with self.teacher.lock:
            self._tell(by_word["tell"])
            for request in by_word["drop"]:
                self._drop(request)
            answers = self._ask(by_word["ask"])
            for word in ("flush", "metrics", "open"):
                for request in by_word[word]:
                    answers.append((request.client, self._answer(request.client, word)))
        return answers

    def leave(self, client: int) -> int:
        """Drop the rows of a client that has gone; return how many."""
        self._refused.pop(client, None)
        mine = self._open.pop(client, set())
        for number in mine:
            self._owner.pop(number, None)
        ids = np.array(sorted(mine), np.int64)
        with self.teacher.lock:
            # Somebody in this process may have told or dropped some past the server.
            ids = ids[np.isin(ids, self.teacher.outstanding)]
            self.teacher.drop(ids)
        self.counts["dropped"] += len(ids)
        for number in ids.tolist():
            self._lost[number] = None
        while len(self._lost) > _REMEMBERED:
            self._lost.popitem(last=False)
        return len(ids)

    def forget(self) -> None:
        """Let go of all open rows: the teacher has taken over another state, which does not know them."""
        self._owner.clear()
        self._open.clear()
        # Ids begin anew where the state says, so an id that was lost may be handed out again.
        self._lost.clear()

    def facts(self) -> dict[str, Any]:
        """Return what a client must know of the teacher, as plain data."""
        teacher = self.teacher
        return {
            "name": type(teacher).__name__,
            "needs": sorted(teacher.needs),
            "measures": sorted(teacher.measures),
            "reads": sorted(teacher.reads),
            "granularity": teacher.granularity,
            "members": teacher.members,
            "differences": teacher.differences,
            "acts": teacher.acts,
            "space": spaces.describe(teacher.space),
        }

    def _tell(self, requests: Iterable[Request]) -> None:
        """Tell the teacher the rows of all requests at once; if it refuses, those of each by themselves."""
        groups: defaultdict[Any, list[Request]] = defaultdict(list)
        for client, message in requests:
            columns = self._in_time(message.arrays)
            # Columns of different lengths must not be joined: one message could fill the gaps of another.
            lengths = {column.shape[:1] for column in columns.values()}
            if len(lengths) > 1 or () in lengths:
                self._refuse(client, "tell", ValueError("expected columns of one length, got others"))
                continue
            # Only rows of the same columns can be joined.
            form = tuple((name, c.dtype.str, c.shape[1:]) for name, c in columns.items())
            groups[form].append(Request(client, Message("tell", columns)))
        for group in groups.values():
            if len(group) > 1 and self._told(_joined(group)) is None:
                continue
            # One client's rows may be wrong, and the others' must not be lost with them.
            for client, message in group:
                reason = self._told(message)
                if reason is not None:
                    self._refuse(client, "tell", reason)

    def _told(self, message: Message) -> Exception | None:
        """Tell the teacher; return why it refuses, if it does."""
        try:
            outcomes = read_outcomes(message)
            self.teacher.tell(outcomes)
        except Exception as error:
            # Whatever a teacher raises must reach the worker, and must not end the server.
            return error
        self._close(outcomes.ids)
        self.counts["told"] += len(outcomes)
        self.spent += float(outcomes.cost.sum())
        return None

    def _in_time(self, columns: Mapping[str, Array]) -> Mapping[str, Array]:
        """Return outcomes without the rows that were given up with their worker, which are counted."""
        ids = columns.get("ids")
        if not self._lost or ids is None or ids.ndim != 1:
            return columns
        late = np.array([number in self._lost for number in ids.tolist()], np.bool_)
        if not late.any() or any(column.shape[:1] != late.shape for column in columns.values()):
            return columns
        self.counts["late"] += int(late.sum())
        return {name: column[~late] for name, column in columns.items()}

    def _drop(self, request: Request) -> None:
        client, message = request
        try:
            ids = field(message, "ids")
            self.teacher.drop(ids)
        except Exception as error:
            # Whatever a teacher raises must reach the worker, and must not end the server.
            self._refuse(client, "drop", error)
            return
        self._close(ids)
        self.counts["given up"] += len(ids)

    def _close(self, ids: IntArray) -> None:
        """Forget whose these rows were."""
        for number in ids.tolist():
            owner = self._owner.pop(number, UNASKED)
            if owner != UNASKED:
                self._open[owner].discard(number)

    def _ask(self, requests: Iterable[Request]) -> list[tuple[int, bytes]]:
        """Return the rows of each request, or why there are none."""
        answers: list[tuple[int, bytes]] = []
        wanted: list[tuple[int, int]] = []
        for client, message in requests:
            # What was refused is said first: rows that came along with an error would be lost.
            if client in self._refused:
                answers.append((client, self._answer(client, "ask")))
                continue
            try:
                wanted.append((client, self._number(message)))
            except (TypeError, ValueError) as error:
                answers.append((client, _error("ask", error)))
        while wanted:
            if self._together:
                group, wanted = wanted, []
            else:
                group, wanted = wanted[:1], wanted[1:]
            try:
                columns = self._rows(sum(n for _, n in group))
            except Exception as error:
                # As above: an error of the teacher is an answer.
                answers += [(client, _error("ask", error)) for client, _ in group]
                continue
            given, waiting = self._share(group, columns)
            answers += given
            wanted = waiting + wanted
        return answers

    def _number(self, message: Message) -> int:
        """Return how many rows an ask is for; raise unless that, and its progress, can be."""
        n = field(message, "n", "<i8", (1,)).item()
        progress = field(message, "progress", "<f8", (1,)).item()
        if not 1 <= n <= self._most:
            raise ValueError(
                f"ask: expected n from 1 to {self._most}, which is what a message holds, got {n}"
            )
        if not 0.0 <= progress <= 1.0:
            raise ValueError(f"ask: expected progress in [0, 1], got {progress!r}")
        self._progress = max(self._progress, progress)
        return int(n)

    def _rows(self, n: int) -> Mapping[str, Array]:
        """Return the columns of ``n`` rows, or of fewer."""
        progress = self._progress
        if self.budget is not None:
            progress = min(1.0, self.spent / self.budget)
        assignment = self.teacher.ask(n, progress=progress)
        self.counts["asked"] += len(assignment)
        return assignment_arrays(assignment)

    def _share(
        self, group: list[tuple[int, int]], columns: Mapping[str, Array]
    ) -> tuple[list[tuple[int, bytes]], list[tuple[int, int]]]:
        """Return answers with the rows of those who get some, and the requests that there was no row for."""
        answers: list[tuple[int, bytes]] = []
        waiting: list[tuple[int, int]] = []
        place = 0
        for client, n in group:
            rows = {name: column[place : place + n] for name, column in columns.items()}
            place += n
            # The teacher had fewer rows than all wanted: an answer is never empty, so these are asked again.
            if len(rows["ids"]) == 0:
                waiting.append((client, n))
                continue
            answers.append((client, self._hand_over(client, rows)))
        return answers, waiting

    def _hand_over(self, client: int, rows: Mapping[str, Array]) -> bytes:
        """Return rows as an answer, and note whose they are now."""
        try:
            answer = encode("rows", rows)
        except (TypeError, ValueError) as error:
            # Notes may be too large for a message: nobody will play these rows.
            self.teacher.drop(rows["ids"])
            return _error("ask", error)
        ids = rows["ids"].tolist()
        for number in ids:
            self._owner[number] = client
        self._open[client].update(ids)
        return answer

    def _answer(self, client: int, word: str) -> bytes:
        """Return the answer to a request that is no ask, or what was refused since the client's last one."""
        refused = self._refused.pop(client, None)
        if refused:
            more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
            return encode("error", {"kind": text("ValueError"), "text": text(refused[0] + more)})
        if word == "open":
            return encode("open", {"ids": np.array(sorted(self._open[client]), np.int64)})
        if word == "metrics":
            try:
                return encode("metrics", {"json": text(plain.dumps(self.teacher.metrics()).decode())})
            except Exception as error:
                # As above.
                return _error("metrics", error)
        return encode("done", {})

    def _refuse(self, client: int, what: str, error: Exception) -> None:
        """Note why something was refused, for the client's next request."""
        self.counts["refused"] += 1
        notes = self._refused[client]
        # The first reasons are the telling ones; a client that never asks must not fill the memory.
        if len(notes) < 1000:
            notes.append(f"{what}: {type(error).__name__}: {error}")


def _joined(group: Sequence[Request]) -> Message:
    """Return the rows of requests of the same columns as one."""
    first = group[0].message.arrays
    columns = {}
    for name in first:
        columns[name] = np.concatenate([request.message.arrays[name] for request in group])
    return Message("tell", columns)


def _error(what: str, error: Exception) -> bytes:
    """Return an error as an answer."""
    return encode("error", {"kind": text(type(error).__name__), "text": text(f"{what}: {error}")})
