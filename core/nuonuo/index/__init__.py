"""The derived state of one namespace: a function of the stored records alone, which forgets exactly."""
