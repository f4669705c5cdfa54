"""Numerical methods that know no law: quadrature, quantiles, intervals, algebra of small matrices."""
