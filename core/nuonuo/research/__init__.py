"""The experiments from which the engine came, each one a living benchmark: `nuonuo bench research NAME`.

`frame` says what an experiment is and runs it over seeds, `catalogue` finds them by name, `report` writes
what they found. `experiments` holds one module each, `parts` the mathematics that only they need, `material`
the texts and paraphrases that they are run on. Nothing of it is imported by the engine.
"""
