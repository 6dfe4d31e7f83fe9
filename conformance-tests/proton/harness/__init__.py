"""The machinery the cases stand on: registry, target, proton engine driver, raw wire peer."""
