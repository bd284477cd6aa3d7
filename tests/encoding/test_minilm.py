"""The engine with its default embedder, on real sentences."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import pytest

from nuonuo import AssociativeMemory, Hit, Memory, MiniLM, Recall
from tests.corpus import CORPUS, UNKNOWN
from tests.fakes import texts


@pytest.fixture(scope="module")
def stored(minilm: MiniLM) -> Iterator[AssociativeMemory]:
    """The corpus, each sentence a memory of its own; not to be changed."""
    with AssociativeMemory(embedder=minilm) as memory:
        memory.add(CORPUS)
        yield memory


@pytest.fixture
def empty(minilm: MiniLM) -> Iterator[AssociativeMemory]:
    with AssociativeMemory(embedder=minilm) as memory:
        yield memory


def test_what_was_stored_is_recalled_with_confidence(stored: AssociativeMemory) -> None:
    for text in CORPUS:
        found = stored.recall(text, k=3)
        assert found[0].memory.text == text
        assert found.confidence > 0.9, text


def test_what_was_never_stored_has_none(stored: AssociativeMemory) -> None:
    for query in UNKNOWN:
        assert stored.recall(query).confidence < 0.1, query


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("what scares my dog?", CORPUS[1]),
        ("number to open the car port", CORPUS[3]),
        ("which food must I never eat?", CORPUS[7]),
        ("where do I find the internet password?", CORPUS[10]),
        ("who repaired the heating?", CORPUS[33]),
        ("What musical instrument does Ben play?", CORPUS[9]),
        ("the bike that was taken by thieves", CORPUS[16]),
        ("when does my travel document run out?", CORPUS[22]),
        ("a shop that sells loaves", CORPUS[47]),
        ("what did I write my dissertation on?", CORPUS[37]),
    ],
)
def test_paraphrases(stored: AssociativeMemory, query: str, text: str) -> None:
    assert text in texts(stored.recall(query, k=3))


def hit_of(found: Recall, text: str) -> Hit:
    return next(hit for hit in found if hit.memory.text == text)


def test_evidence_names_the_words(stored: AssociativeMemory) -> None:
    hit = hit_of(stored.recall("What scares Rex?"), CORPUS[1])
    answers = {match.word: match for match in hit.evidence.matches}
    assert answers["Rex"].answer == "Rex"
    assert answers["Rex"].similarity > 0.5
    assert answers["scares"].answer in ("afraid", "thunder")
    assert {match.source for match in answers.values()} == {"text"}
    assert {match.memory_id for match in answers.values()} == {hit.memory.id}
    assert sum(match.weight for match in answers.values()) == pytest.approx(1, abs=1e-5)
    assert [match.weight for match in hit.evidence.matches] == sorted(
        (match.weight for match in hit.evidence.matches), reverse=True
    )


def test_a_synonym_is_answered_by_its_kin(empty: AssociativeMemory) -> None:
    empty.add(["Rex is afraid of loud noises.", *CORPUS[2:40]])
    matches = empty.recall("what scares him?", k=1)[0].evidence.matches
    assert {match.word: match.answer for match in matches} == {"scares": "afraid"}


def test_two_hops_through_a_name(empty: AssociativeMemory) -> None:
    empty.add(CORPUS)
    found = empty.recall("Who invited us to a wedding, and where does she restore violins?", k=5)
    assert {CORPUS[57], CORPUS[58]} <= {*texts(found)[:3]}
    found = empty.recall(
        "In which town does a member of the family that invited us to the wedding work?", k=10
    )
    assert hit_of(found, CORPUS[58])
    paths = [hit_of(found, text).evidence.path for text in (CORPUS[57], CORPUS[58])]
    links = [link for path in paths for link in path if link.kind == "name"]
    assert any("Oyarzun" in word for link in links for word in link.words)


def test_a_neighbour_answers(empty: AssociativeMemory) -> None:
    empty.add(CORPUS[:30])
    empty.add(["What does Leila's school bus look like?", "It is green with a white stripe."], session_id="s")
    hit = hit_of(empty.recall("colour of the school bus of Leila"), "It is green with a white stripe.")
    assert "neighbour" in {match.source for match in hit.evidence.matches}
    assert hit.evidence.signals["temporal"] > 0


def test_a_lone_turn_stands_no_higher_than_a_memory_without_a_session(empty: AssociativeMemory) -> None:
    empty.add("The garage code is 4471.")
    empty.add("My sister got a new garage with a code panel.", session_id="s")
    assert empty.recall("What is the garage code?", k=1)[0].memory.text == "The garage code is 4471."


def test_what_a_turn_tells_before_it_asks_is_found(empty: AssociativeMemory) -> None:
    told = "My train to work takes 45 minutes each way. Which podcasts would suit that?"
    empty.add(told, role="user", session_id="s")
    empty.add(" ".join(CORPUS[:40]), role="assistant", session_id="s")
    empty.add("The train to Porto takes three hours.", role="user", session_id="t")
    empty.add("Enjoy the trip!", role="assistant", session_id="t")
    assert empty.recall("How many minutes does the train to work take?", k=1)[0].memory.text == told


def test_a_cue_evokes_its_memory(empty: AssociativeMemory) -> None:
    empty.add(CORPUS)
    empty.add("4711 0815", cues=["secret combination of the bank vault", "how do I open the strongbox?"])
    hit = empty.recall("how can the strongbox be opened?", k=1)[0]
    assert hit.memory.text == "4711 0815"
    assert ("strongbox", "strongbox", "cue") in {(m.word, m.answer, m.source) for m in hit.evidence.matches}
    empty.update(str(hit.memory.id), cues=[])
    assert empty.recall("how can the strongbox be opened?", k=1)[0].memory.text != "4711 0815"


def test_a_paraphraser_gives_cues(minilm: MiniLM) -> None:
    asked: list[str] = []

    def paraphrase(text: str) -> list[str]:
        asked.append(text)
        return ["Where is the trumpet?"] if "brass" in text else []

    memory = AssociativeMemory(embedder=minilm, paraphrase=paraphrase)
    memory.add([*CORPUS[:20], "The brass thing lies in the attic."], cues=[])
    assert asked == [*CORPUS[:20], "The brass thing lies in the attic."]
    found = memory.recall("Where is the trumpet?", k=1)
    assert found[0].memory.text == "The brass thing lies in the attic."
    assert (found[0].memory.cues, found[0].memory.paraphrases) == ((), ("Where is the trumpet?",))
    assert found.confidence > 0.9


ASKED = (
    "What is my garage code?",
    "what's the garage code again?",
    "Do you know my garage code?",
    "I forgot the code of the garage, what is it?",
    "What was the garage code?",
)


def test_a_fact_is_found_though_it_was_asked_for_in_vain(empty: AssociativeMemory) -> None:
    fact = "By the way, the garage code is 4471 now."
    empty.add(CORPUS[:20], session_id="talk")
    empty.add([Memory(fact, role="user"), Memory("Thanks, noted.", role="assistant")], session_id="monday")
    for at, question in enumerate(ASKED * 3):
        # "Do you know ...?" may be answered by a turn that asks the same, as far as the words tell.
        found = texts(empty.recall(question, k=10 if question.startswith("Do") else 3))
        assert fact in found
        refused = "Sorry, I do not know your garage code." if at % 2 else "I cannot say."
        empty.add(
            [Memory(question, role="user"), Memory(refused, role="assistant")], session_id=f"attempt {at}"
        )


def test_a_yes_here_and_there_still_answers(empty: AssociativeMemory) -> None:
    asked = ["Do you like tea?", "Do you drink coffee?", "Are you married?", "Do you own a car?"]
    for question, answer in zip(asked, ["Yes.", "No.", "Yes.", "No."], strict=True):
        turns = [Memory(question, role="assistant"), Memory(answer, role="user")]
        empty.add(turns, session_id=question)
    for question, cue in zip(
        asked, ("Does he like tea?", "Is coffee fine?", "Has he a wife?", "Has he a car?"), strict=True
    ):
        assert empty.recall(cue, k=1)[0].memory.session_id == question


def test_an_interview_is_found_with_its_answers(empty: AssociativeMemory) -> None:
    asked = "latex, peanuts, penicillin, cat hair, pollen, shellfish, wool, dust, eggs, bees".split(", ")
    for at, thing in enumerate(asked):
        turns = [
            Memory(f"Are you allergic to {thing}?", role="assistant"),
            Memory("No." if at % 3 else "Yes.", role="user"),
        ]
        empty.add(turns, session_id="intake")
    stored = [str(memory.id) for memory in empty.list()]
    for at, thing in enumerate(asked):
        found = [hit.memory.id for hit in empty.recall(f"Is the user allergic to {thing}?", k=5)]
        assert {stored[2 * at], stored[2 * at + 1]} <= set(found)


def test_an_explicit_association_lifts_its_target(empty: AssociativeMemory) -> None:
    ids = empty.add(CORPUS)
    source, target = ids[3], ids[53]
    before = texts(empty.recall("What is the garage code?", k=60)).index(CORPUS[53])
    empty.associate(source, target)
    found = empty.recall("What is the garage code?", k=60)
    after = texts(found).index(CORPUS[53])
    assert after < before
    assert after <= 3
    hit = found[after]
    assert hit.evidence.signals["explicit"] > 0
    assert [(link.source_id, link.target_id, link.kind) for link in hit.evidence.path] == [
        (source, target, "explicit")
    ]
    assert 0 < hit.evidence.path[0].weight <= 1
    empty.associate(source, target, 0)
    assert texts(empty.recall("What is the garage code?", k=60)).index(CORPUS[53]) == before


def test_a_chain_walks_without_turning_back(empty: AssociativeMemory) -> None:
    ids = empty.add(CORPUS[:12], session_id="s")
    empty.associate(ids[4], ids[9])
    chain = empty.chain("We planted apple trees", hops=8)
    assert chain.cue == "We planted apple trees"
    assert chain[0].memory.text == CORPUS[4]
    assert chain[0].kind is None
    assert (chain[1].memory.text, chain[1].kind) == (CORPUS[9], "explicit")
    visited = [step.memory.id for step in chain]
    # On along the session to its end, and no further: the rest of it shares nothing but function words.
    assert visited == [ids[4], ids[9], ids[10], ids[11]]
    assert {step.kind for step in chain[1:]} <= {"temporal", "content", "explicit"}
    assert all(step.similarity > 0.9 for step in chain)
    assert all(0 < step.weight <= 1 for step in chain)


def test_a_chain_follows_names(empty: AssociativeMemory) -> None:
    empty.add(CORPUS)
    chain = empty.chain("the wedding in Bilbao", hops=1)
    assert [step.memory.text for step in chain] == [CORPUS[57], CORPUS[58]]
    assert chain[1].kind == "name"
    assert len(empty.chain("the wedding in Bilbao", hops=0)) == 1


def test_a_chain_from_a_vector(stored: AssociativeMemory, minilm: MiniLM) -> None:
    (encoding,) = minilm.encode_queries(["The dentist found no cavities this time."])
    chain = stored.chain(encoding.vectors[0] * 3, hops=0)
    assert [step.memory.text for step in chain] == ["The dentist found no cavities this time."]
    assert chain[0].similarity > 0.99


def test_a_fact_beyond_the_encoders_window(empty: AssociativeMemory) -> None:
    long = " ".join(CORPUS[:45] * 2) + " The name of the submarine is Halibut."
    empty.add([*CORPUS[45:], long])
    assert empty.recall("What is the submarine called?", k=1)[0].memory.text == long
    answers = {m.word: m.answer for m in empty.recall("name of the submarine", k=1)[0].evidence.matches}
    assert answers["submarine"] == "submarine"


def test_role_time_and_the_rest_come_back(empty: AssociativeMemory) -> None:
    item = Memory("I moved house.", metadata={"page": 3, "tags": ["home", "été"]}, cues=("relocation",))
    (id,) = empty.add(
        item, role="user", timestamp="2026-11-21T10:00:00.000123+02:00", session_id="s", namespace="n"
    )
    (back,) = empty.get([id])
    assert back is not None
    assert back.timestamp is not None
    assert back.timestamp.isoformat() == "2026-11-21T08:00:00.000123+00:00"
    assert (back.role, back.session_id, back.namespace, back.id) == ("user", "s", "n", id)
    assert (back.text, back.cues, back.metadata) == (item.text, item.cues, item.metadata)
    assert empty.recall("moving", namespace="n")[0].memory == back


def test_the_embedder_is_asked_once_for_a_text(minilm: MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    encode = minilm._encode
    monkeypatch.setattr(minilm, "_encode", lambda texts: (asked.extend(texts), encode(texts))[1])
    memory = AssociativeMemory(embedder=minilm)
    memory.add(["One sentence.", "One sentence.", "Another one."])
    memory.recall("One sentence.")
    assert sorted(asked) == ["Another one.", "One sentence."]


def test_evidence_outlives_the_memory_and_can_be_pickled(minilm: MiniLM) -> None:
    with AssociativeMemory(embedder=minilm) as memory:
        memory.add(["Rex is my beagle.", "Rex is afraid of thunder."], session_id="s")
        result = memory.recall("What scares my dog?")
    copied = pickle.loads(pickle.dumps(result))
    assert copied == result
    assert {match.answer for match in copied[0].evidence.matches} >= {"afraid"}


def test_it_is_pickled_by_name() -> None:
    mini = MiniLM("some/model", backend="torch", batch_tokens=3, overlap=5)
    for copied in (pickle.loads(pickle.dumps(mini)), copy.deepcopy(mini)):
        assert (copied.name, copied.backend) == ("some/model", "torch")
        assert (copied.batch_tokens, copied.overlap) == (3, 5)
    assert pickle.loads(pickle.dumps(MiniLM())).name == MiniLM().name
