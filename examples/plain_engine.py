"""NuoNuo by itself, without a framework: add, recall, chain, associate, forget.

python examples/plain_engine.py
python examples/plain_engine.py --ask "Where did my sister's flatmate grow up?"
python examples/plain_engine.py --db nell.db --model ollama:llama3.2
"""

from __future__ import annotations

from datetime import datetime, timezone

from common import NAMESPACE, TOLD, open_memory, parse_arguments, remember_sample, remember_turn, said
from local_model import answer_with

from nuonuo import AssociativeMemory

OWN = "plain-engine"


def main() -> None:
    """Show the verbs once, then answer what is asked and remember both sides."""
    arguments = parse_arguments("NuoNuo without a framework.")
    answer = answer_with(arguments.model)
    with open_memory(arguments.db) as memory:
        if not arguments.empty:
            remember_sample(memory)
        if not arguments.ask:
            show_the_verbs(memory)
        session = f"chat-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}"
        for text in said(arguments.ask):
            recalled = memory.recall(text, k=6, namespace=NAMESPACE, where=TOLD)
            reply = answer(text, recalled)
            print(f"nuonuo> {reply}\n        (confidence {recalled.confidence:.2f})")
            remember_turn(memory, session, text, reply)


def show_the_verbs(memory: AssociativeMemory) -> None:
    """A few memories in a namespace of their own, taken away again at the end."""
    ids = memory.add(
        [
            "The spare key hangs in the shed.",
            "The shed has a combination lock.",
            "The code is my mother's birthday.",
        ],
        session_id="keys",
        role="user",
        namespace=OWN,
    )
    memory.associate(ids[0], ids[2], weight=1.0)

    result = memory.recall("where is the spare key?", k=2, namespace=OWN)
    print(f"recall: where is the spare key?   confidence {result.confidence:.2f}")
    for hit in result:
        shares = ", ".join(f"{signal} {share:.2f}" for signal, share in hit.evidence.signals.items())
        print(f"  {hit.score:.2f}  {hit.memory.text}  ({shares})")

    print("chain: from the spare key")
    for step in memory.chain("the spare key", hops=2, namespace=OWN):
        why = " ".join([step.kind or "cue", *step.words])
        print(f"  {why:<9} {step.similarity:.3f}  {step.memory.text}")

    print(f"forget: {memory.forget(namespace=OWN)} memories are gone")


if __name__ == "__main__":
    main()
