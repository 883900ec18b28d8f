"""A report as JUnit XML: a test suite for each rule, a failure for each violation."""

import re
from xml.etree import ElementTree

from cnai.policy.check import Report, Row

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(report: Report) -> str:
    root = ElementTree.Element("testsuites", name="cnai check")
    for rule in report.rules:
        rows = {
            "failure": [row for row in report.violations if row.rule.id == rule.id],
            "skipped": [row for row in (*report.undecided, *report.advice, *report.excepted) if row.rule.id == rule.id],
        }
        suite = ElementTree.SubElement(root, "testsuite", name=rule.id)
        for outcome, found in rows.items():
            for row in found:
                _case(suite, row.resource or rule.title, rule.id, outcome, _words(row))
        if not len(suite):
            ElementTree.SubElement(suite, "testcase", name=rule.title, classname=rule.id)
        _count(suite)
    if report.not_checked:
        suite = ElementTree.SubElement(root, "testsuite", name="not checked")
        for each in report.not_checked:
            _case(suite, each.source, "not checked", "error", each.reason)
        _count(suite)
    _count(root)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _words(row: Row) -> str:
    place = f"{row.source}:{row.line}: " if row.line else f"{row.source}: "
    return place + row.full + (f" ({row.note})" if row.note else "")


def _case(suite: ElementTree.Element, name: str, classname: str, outcome: str, words: str) -> None:
    case = ElementTree.SubElement(suite, "testcase", name=_clean(name), classname=_clean(classname))
    told = ElementTree.SubElement(case, outcome, message=_clean(words))
    told.text = _clean(words)


def _count(element: ElementTree.Element) -> None:
    element.set("tests", str(sum(1 for _ in element.iter("testcase"))))
    for name, outcome in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(sum(1 for _ in element.iter(outcome))))


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
