"""The examples run as they stand, without a key or a terminal, and the sample conversation is sound."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from nuonuo import AssociativeMemory
from nuonuo.evaluation.cache import CachedEmbedder
from tests import programs

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
CHATS = ["plain_engine.py", "langchain_chatbot.py", "langchain_agent.py", "llama_index_chat.py"]
NEEDS = {"langchain_chatbot.py": "langchain_classic", "langchain_agent.py": "langgraph"}
NOTHING = "I have nothing on that in my memory."


@pytest.fixture(scope="module")
def common() -> Iterator[ModuleType]:
    """The examples' own helper, imported as they import it."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield importlib.import_module("common")
    finally:
        sys.path.remove(str(EXAMPLES))


@pytest.fixture(scope="module")
def filled(common: ModuleType, kept_minilm: CachedEmbedder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that holds the sample conversation."""
    path = tmp_path_factory.mktemp("examples") / "filled.db"
    with AssociativeMemory.open(path, embedder=kept_minilm) as memory:
        common.remember_sample(memory)
    return path


@pytest.fixture
def db(filled: Path, tmp_path: Path) -> str:
    return str(shutil.copy(filled, tmp_path / "memory.db"))


def program(script: str) -> Path:
    """The path of an example, where what it needs is installed."""
    needed = NEEDS.get(script, "llama_index.core" if script.startswith("llama") else "nuonuo")
    for package in (needed, "sentence_transformers", "rich"):
        pytest.importorskip(package)
    return EXAMPLES / script


def run(script: str, *arguments: str, stdin: str | Path = "") -> programs.Done:
    """Run an example as a user does, but with no terminal, unless ``stdin`` is the path of one."""
    return programs.run_warm(program(script), *arguments, stdin=stdin)


def answer_to(question: str, output: str) -> str:
    """What was printed after ``question`` and before the next."""
    assert f"you> {question}" in output
    return output.split(f"you> {question}")[1].split("you> ")[0]


def words_of(svg: bytes) -> str:
    """The words of a picture, in order."""
    texts = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return "".join(text.text or "" for text in texts).replace("\N{NO-BREAK SPACE}", " ")


# -- the sample conversation ------------------------------------------------------------------------


def test_the_conversation_is_well_formed() -> None:
    sessions = json.loads((EXAMPLES / "conversation.json").read_text(encoding="utf-8"))
    names = [session["session_id"] for session in sessions]
    dates = [datetime.fromisoformat(session["date"]) for session in sessions]
    turns = [turn for session in sessions for turn in session["turns"]]
    assert len(set(names)) == len(names) >= 20
    assert dates == sorted(set(dates)) and (dates[-1] - dates[0]).days > 200
    assert all(date.tzinfo is not None for date in dates)
    assert len(turns) >= 200
    assert all(set(turn) == {"role", "text"} and turn["text"].strip() == turn["text"] != "" for turn in turns)
    assert {turn["role"] for turn in turns} == {"user", "assistant"}
    assert len({turn["text"] for turn in turns}) == len(turns)
    for session in sessions:  # each begins with the user, and the two take turns
        roles = [turn["role"] for turn in session["turns"]]
        assert roles == [("user", "assistant")[i % 2] for i in range(len(roles))], session["session_id"]


def test_the_questions_point_at_turns_that_exist(common: ModuleType) -> None:
    places = {(turn.session_id, turn.metadata["turn"]): turn for turn in common.load_conversation()}
    questions = common.load_questions()
    assert len(questions) >= 12 and len({question.text for question in questions}) == len(questions)
    assert {question.kind for question in questions} == {
        "single fact",
        "paraphrase",
        "two hops",
        "three hops",
        "two people",
        "a changed fact",
        "never said",
    }
    for question in questions:
        assert all(place in places for place in question.turns), question
        assert all(places[place].role == "user" for place in question.turns), question
        at_least = {
            "two hops": 2,
            "two people": 2,
            "three hops": 3,
            "a changed fact": 2,
            "never said": 0,
        }.get(question.kind, 1)
        assert len(question.turns) >= at_least
        assert (question.answer is None) == (question.kind == "never said") == (not question.turns)
        days = [places[place].timestamp for place in question.turns]
        if question.kind == "a changed fact":
            assert days == sorted(days)  # the last one is what holds


def test_recall_finds_what_answers_the_questions(common: ModuleType, db: str) -> None:
    surest = {"said": 1.0, "never": 0.0}
    with common.open_memory(db) as memory:
        for question in common.load_questions():
            result = memory.recall(question.text, k=10, namespace=common.NAMESPACE)
            found = {(hit.memory.session_id, hit.memory.metadata["turn"]) for hit in result}
            assert set(question.turns) <= found, f"{question.text}: missing {set(question.turns) - found}"
            if question.kind == "single fact":
                assert (result[0].memory.session_id, result[0].memory.metadata["turn"]) in question.turns
            if question.kind == "never said":
                surest["never"] = max(surest["never"], result.confidence)
            else:
                surest["said"] = min(surest["said"], result.confidence)
    assert surest["never"] < surest["said"]


# -- the programs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [*CHATS, "demo.py"])
def test_an_example_answers_from_the_conversation_and_not_from_what_was_asked_before(
    script: str, db: str
) -> None:
    asked, unsaid = "What is Biscuit terrified of?", "What is my blood type?"
    first = run(script, "--db", db, "--ask", asked, "--ask", unsaid, "--ask", unsaid)
    assert first.returncode == 0, first.stderr
    assert "foghorn" in answer_to(asked, first.stdout)
    assert first.stdout.count(NOTHING) == 2
    # The second process finds the first one's conversation in the file.
    second = run(script, "--db", db, "--ask", unsaid, "--ask", unsaid)
    assert second.returncode == 0, second.stderr
    assert second.stdout.count(NOTHING) == 2


@pytest.mark.parametrize("script", CHATS)
def test_an_example_remembers_what_it_is_told(script: str, tmp_path: Path) -> None:
    path = str(tmp_path / "new.db")
    told = "My cousin Ada keeps bees on a roof in Tromsø."
    asked = "What does my cousin keep on the roof?"
    first = run(script, "--empty", "--db", path, stdin=f"{told}\n\n")
    assert first.returncode == 0, first.stderr
    second = run(script, "--empty", "--db", path, stdin=f"{asked}\n")  # another process, another session
    assert second.returncode == 0, second.stderr
    assert "bees" in answer_to(asked, second.stdout)


def test_the_query_engine_answers_from_the_conversation(db: str) -> None:
    asked, unsaid = "Which dermatologist looked at my shoulder?", "What is my blood type?"
    done = run("llama_index_chat.py", "--query", "--db", db, "--ask", asked, "--ask", unsaid)
    assert done.returncode == 0, done.stderr
    assert "Whitcombe" in answer_to(asked, done.stdout)
    assert NOTHING in answer_to(unsaid, done.stdout)


@pytest.mark.parametrize("script", CHATS)
def test_an_example_starts_by_itself_and_ends_with_its_input(script: str, tmp_path: Path) -> None:
    done = programs.run_fresh(program(script), "--empty", "--db", str(tmp_path / "new.db"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("script", "module", "package"),
    [
        ("plain_engine.py", "langchain_openai", "langchain-openai"),
        ("langchain_chatbot.py", "langchain_openai", "langchain-openai"),
        ("langchain_agent.py", "langchain_ollama", "langchain-ollama"),
        ("llama_index_chat.py", "llama_index.llms.openai", "llama-index-llms-openai"),
    ],
)
def test_a_model_that_is_not_installed_gives_the_pip_line(script: str, module: str, package: str) -> None:
    pytest.importorskip("langchain")
    pytest.importorskip("llama_index.core")
    try:
        installed = importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        installed = False
    if installed:
        pytest.skip(f"{module} is installed")
    provider = "ollama" if "ollama" in module else "openai"
    done = run(script, "--empty", "--model", f"{provider}:some-model", "--ask", "hello?")
    assert done.returncode != 0
    assert "pip install" in done.stderr and package in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_ends_by_itself_without_a_terminal(common: ModuleType, db: str) -> None:
    done = run("demo.py", "--db", db)
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 90
    for question in common.load_questions():
        assert question.text.split()[-1] in done.stdout
        assert question.kind in done.stdout
    for word in ("confidence", "chain", "tokens", "latest", "375/375"):
        assert word in done.stdout


def test_the_demo_draws_what_it_shows(common: ModuleType, db: str, tmp_path: Path) -> None:
    one, two = tmp_path / "one.svg", tmp_path / "two.svg"
    done = run("demo.py", "--db", db, "--picture", str(one))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    with common.open_memory(db) as memory:
        importlib.import_module("demo").picture(memory, str(two))
    drawn = one.read_bytes()
    assert drawn == two.read_bytes() and len(drawn) < 100_000
    picture = words_of(drawn)
    told, untold = picture.split("never said")
    assert "Where did my sister's flatmate grow up?" in told and "Priyanka grew up in Pune" in told
    assert "chain" in told and "●" in told
    assert "What is my blood type?" in untold and "nothing on this was ever said" in untold
    assert b"@font-face" not in drawn and b"url(http" not in drawn
    # The last digits may differ from machine to machine.
    kept = words_of((ROOT / "docs" / "demo.svg").read_bytes())
    assert re.sub(r"\d", "", picture) == re.sub(r"\d", "", kept), "run `make picture`"


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_the_demo_goes_on_chatting_in_a_terminal(db: str) -> None:
    import pty

    ours, theirs = pty.openpty()
    os.write(ours, b"What is Biscuit terrified of?\n\x04")  # a question, then Ctrl-D
    done = run("demo.py", "--db", db, stdin=Path(os.ttyname(theirs)))
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, done.stderr
    assert "foghorn" in done.stdout.split("nuonuo>")[1]
