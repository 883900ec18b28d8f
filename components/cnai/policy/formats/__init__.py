"""A report for people (table), programs (JSON), code scanning (SARIF) and test reports (JUnit)."""
