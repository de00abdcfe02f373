"""The detectors of anomalies, one module each, behind one protocol and a registry."""
