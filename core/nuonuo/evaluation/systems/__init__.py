"""What is measured beside NuoNuo: baselines, and the frameworks' own stores."""
