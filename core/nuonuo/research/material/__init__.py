"""What experiments are run on: real texts, and paraphrases of them or of our own making."""
