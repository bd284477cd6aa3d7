"""Measuring: data sets, metrics, baselines and the runners behind `nuonuo bench`."""
