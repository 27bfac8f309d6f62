"""How test frameworks spell things: what is a test, a suite, an assertion, a skip."""

import re

ASSERTING = re.compile(
    r"^(?:[\w.:@]*[.:])?(?:assert\w*|refute\w*|must_\w+|wont_\w+|verify\w*|flunk|debug_assert\w*)[!?]?$|"
    r"^(?:pytest\.)?(?:raises|warns|deprecated_call)$|^(?:self|pytest|Assertions|Assert|assert|"
    r"t)\.fail(?:With\w*)?$|^fail$|"
    r"^(?:await|Awaitility)\S*\.until\w*$|^(?:\w+\.)?(?i:wait_?(?:for|until)\w*|eventually\w*|poll_until\w*)$|"
    r"^(?:assert|require|should|qt|is|test|t|softly|s|suite|\w+\.(?:Require|Assert))\.(?:is\w*|deepEqual\w*|"
    r"equal\w*|truthy|falsy|throws\w*|not\w*|True|False|"
    r"Equal\w*|NotEqual\w*|Nil|NotNil|NoError|Error\w*|Contains|NotContains|Len|Empty|NotEmpty|Panics\w*|"
    r"NotPanics|Same|"
    r"ElementsMatch|JSONEq|InDelta\w*|Greater\w*|Less\w*|Eventually|Zero|NotZero|Exactly|Implements|IsType|"
    r"Regexp|Subset|"
    r"ok|strictEqual|notStrictEqual|deepStrictEqual|rejects|doesNotThrow|match|Equals|WithinDuration|EqualValues)$"
)
GO_FAILS = re.compile(r"^(?:t|b|f|tb|\w+\.T\(\))\.(?:Errorf?|Fatalf?|Fail|FailNow)$")
CHAIN = re.compile(
    r"^(?:await |return )?(?:expect|assertThat\w*|assertThatThrownBy|expectTypeOf|then|"
    r"(?:\w+\.)?verify\w*)\s*[({<.]|^(?:\w+\.)*assertThat\w*\s*\("
)
RUBY_CHAIN = {"to", "not_to", "to_not", "should", "should_not"}

JS_TEST = re.compile(
    r"^(?:x|f)?(?:it|test|specify)(?:\.(?!describe|extend|use|beforeEach|afterEach|beforeAll|afterAll|step|"
    r"setTimeout|slow|info)\w+)*$"
)
JS_SUITE = re.compile(r"^(?:x|f)?(?:describe|context|suite)(?:\.\w+)*$|^test\.describe(?:\.\w+)*$")
RUBY_TEST = re.compile(
    r"^(?:[xf]?(?:it|specify|example|scenario)|its|pending|skip|test|should|property|it_behaves_like|"
    r"include_examples|it_should_behave_like|include_context)$"
)
RUBY_SUITE = re.compile(
    r"^(?:RSpec\.)?[xf]?(?:describe|context|feature|example_group|shared_examples(?:_for)?|shared_context)$"
)
JAVA_TEST = re.compile(
    r"^(?:Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate|Property|Theory|ArchTest|\w*Test)$"
)
RUST_TEST = re.compile(
    r"^#\[\s*(?:[\w:]+::)?(?:test|rstest|test_case|tokio_test|quickcheck|case|wasm_bindgen_test|proptest)\b"
)
GO_TEST = re.compile(r"^(?:Test|Benchmark|Fuzz|Example)(?![a-z])")

SKIP_CALL = re.compile(
    r"^(?:pytest|self|unittest|cls)\.(?:skip|xfail|skipTest|importorskip|exit|SkipTest)$|^(?:unittest\.)?SkipTest$|"
    r"^(?:it|test|describe|context|suite|specify|bench)(?:\.\w+)*\.(?:skip|todo|failing|fails|fixme|skipIf|"
    r"runIf)(?:\.\w+)*$|"
    r"^x(?:it|test|describe|context|specify|example|feature|scenario)(?:\.\w+)*$|^(?:this|ctx|context|t|b|tb|"
    r"f)\.(?:skip|todo)$|"
    r"^(?:pending|skip)$|^(?:omit|pend)(?:_if|_unless)?$|\.(?:filter_run_excluding|exclude_pattern|filter_run)$|"
    r"^\w+\.(?:Skip|Skipf|SkipNow)$|"
    r"^(?:Assum(?:e|ptions)\.)?(?:assum(?:e|ing)(?:True|False|That|NoException|NotNull)|abort)$|^testing\.Short$"
)
SKIP_ATTRIBUTE = re.compile(
    r"^@?(?:pytest\.)?mark\.(?:skip|skipif|xfail)\b|^@(?:unittest\.|pytest\.)?(?:skip|skipIf|skipUnless|skipif|"
    r"expectedFailure|xfail)\b|"
    r"^@(?:Disabled\w*|Ignore|EnabledIf\w*|EnabledOn\w*|DisabledOn\w*)\b|^@(?:Test|"
    r"ParameterizedTest)\(.*\b(?:enabled\s*=\s*false|expected\s*=)|"
    r"^@(?:tag|moduletag|describetag)\s*\(?\s*(?::?(?:skip|pending|broken|wip)\b|\[?(?:skip|pending):)|"
    r"^#\[\s*ignore\b|^#\[\s*cfg_attr\(.*\bignore\b|^#\[\s*cfg\((?!test\)\])|^#\[\s*should_panic"
)
SKIP_PAIR = re.compile(
    r"^(?::?(?:skip|pending|todo)\s*(?:=>|:)\s*(?!false|nil)|:(?:skip|pending)$|(?:if|unless):\s|"
    r"exclude:\s*\[?\s*[:\w])"
)
FOCUS_CALL = re.compile(
    r"^(?:it|test|describe|context|suite|specify|bench)(?:\.\w+)*\.only(?:\.\w+)*$|^f(?:it|describe|context|"
    r"specify|example|feature|scenario)(?:\.\w+)*$|^focus$"
)
FOCUS_PAIR = re.compile(r"^:?focus(?:ed)?\s*(?:=>|:)\s*true|^:focus$|^only\s*:\s*true")
SKIP_NAME = {
    "python": re.compile(
        r"^(?:pytest\.)?mark\.(?:skip|skipif|xfail)$|^__test__\s*=\s*False$|^collect_ignore\w*\s*\+?="
    ),
    "ruby": re.compile(r"^(?:skip|pending)$"),
    "javascript": re.compile(r"^(?:it|test|describe|context|suite)\.(?:skip|todo|fixme)$"),
    **dict.fromkeys(("java", "go", "elixir", "rust"), re.compile(r"(?!)")),
}
WAITING = re.compile(r"(?i)wait_?(?:for|until)\w*$")
WAITS = re.compile(r"(?i)wait|until|eventual|poll|within|assert")
HOOK = re.compile(
    r"^(?:before|after|around)(?:Each|All|_each|_all)?$|^(?:setup|teardown|setup_all|suiteSetup|suiteTeardown)$"
)
EXITS = re.compile(
    r"^(?:process\.exit|sys\.exit|os\._exit|System\.exit|os\.Exit|exit!?|(?:std::)?process::exit|System\.halt|"
    r"pytest\.exit|runtime\.Goexit|abort)$"
)
BROAD = re.compile(
    r"(?:^|\W)(?:AssertionError|Exception|BaseException|Throwable|StandardError|Error|AssertionFailedError|_\w*|"
    r"(?:Minitest|RSpec|ExUnit)[\w:.]*(?:Assertion\w*|ExpectationNotMetError|AssertionError))(?:\W|$)"
)
RAISES_AGAIN = re.compile(
    r"\b(?:raise|throw|reraise|fail|flunk|assert\w*|expect|verify\w*|self\.fail|panic!?|done\((?:e|err|error)\)|"
    r"pytest\.fail|should)\b"
)
QUIET = re.compile(r"^(?:contextlib\.)?suppress$|^recover$|(?:^|::)catch_unwind$")
CATCHES = re.compile(r"\.catch$|raises$|assertRaises$|assert_raises?$|assertThrows$")

EXPECTED_ERROR = re.compile(r"^(?:#\[\s*should_panic|@Test\(.*\bexpected\b)\s*(?:[(=]\s*(.*?)\)?)?\]?\)?$")
PARAMETERS = re.compile(
    r"^@(?:pytest\.)?mark\.parametrize|^@parameterized|^@(?:ddt\.)?data\(|^@(?:\w+Source|RepeatedTest|"
    r"TestWith)\b|^#\[\s*(?:case|test_case|values)\b"
)
