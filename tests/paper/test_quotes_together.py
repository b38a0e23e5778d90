"""Each test of this folder says which statement of which paper it holds the code to.  [STYLE 5]"""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted(path for path in HERE.glob("test_*.py") if path != Path(__file__))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_tests_docstring_begins_with_the_section_that_its_file_is_named_after(path: Path) -> None:
    """test_chubby_2_4.py holds statements of [CHUBBY §2.4], each in the words of the test's docstring."""
    tag, *section = path.stem.removeprefix("test_").split("_")
    begins = re.compile(rf"\[{tag.upper()} §{re.escape('.'.join(section))}\] [A-Z]")
    tests = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    named = [node for node in tests if node.name.startswith("test_")]
    assert named
    for node in named:
        assert begins.match(ast.get_docstring(node) or ""), f"{path.name}: {node.name} quotes no statement of its section"
