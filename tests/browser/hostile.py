"""Texts, names and topics that try to be more than text. What runs sets `window.hurt`; what is loaded is foreign."""

HURT = "window.hurt=1"
ELSEWHERE = "https://evil.example"

SCRIPTS = (
    f"<script>{HURT}</script>",
    f"<SCRIPT SRC={ELSEWHERE}/x.js></SCRIPT>",
    f"<scr<script>ipt>{HURT}</scr</script>ipt>",
    f"<img src=x onerror={HURT}>",
    f'<img src="{ELSEWHERE}/x.png">',
    f"<svg onload={HURT}>",
    f"<svg><script>{HURT}</script></svg>",
    f"<svg><animate onbegin={HURT} attributeName=x dur=1s>",
    f"<svg><use href='data:image/svg+xml,<svg id=x onload={HURT}></svg>#x'></svg>",
    f"<math><mtext><table><mglyph><style><!--</style><img src=x onerror={HURT}>",
    f"<iframe srcdoc='<script>parent.{HURT}</script>'></iframe>",
    f"<iframe src=javascript:parent.{HURT}></iframe>",
    f"<object data='data:text/html,<script>{HURT}</script>'></object>",
    f"<embed src={ELSEWHERE}/x.swf>",
    f"<body onload={HURT}>",
    f"<details open ontoggle={HURT}>x</details>",
    f"<input autofocus onfocus={HURT}>",
    f"<video><source onerror={HURT}></video>",
    f"<a href=javascript:{HURT}>press</a>",
    f"<form action={ELSEWHERE}><button>press</button></form>",
    f"<meta http-equiv=refresh content='0;url={ELSEWHERE}'>",
    f"<base href={ELSEWHERE}/>",
    f"<link rel=stylesheet href={ELSEWHERE}/x.css>",
    f"<style>@import '{ELSEWHERE}/x.css'; * {{ display: none }}</style>",
    f"<div style='background:url({ELSEWHERE}/x.png)'>x</div>",
    "<style>.app { display: none }</style>",
    f'<noscript><p title="</noscript><img src=x onerror={HURT}>">',
    f"<textarea></textarea><img src=x onerror={HURT}>",
    f"<!--><img src=x onerror={HURT}>-->",
    f"<![CDATA[<img src=x onerror={HURT}>]]>",
    f"&lt;img src=x onerror={HURT}&gt;",
    f"&#60;img src=x onerror={HURT}&#62;",
    f"\u2028<img src=x onerror={HURT}>\u2029",
    f"<img/src=x/onerror={HURT}>",
    f"＜img src=x onerror={HURT}＞",  # noqa: RUF001
    f"{{{{constructor.constructor('{HURT}')()}}}}",
    f"${{{HURT}}}",
    f"javascript:{HURT}",
)
"""For every place that shows what somebody wrote."""

LINKS = (
    f"[press](javascript:{HURT})",
    f"[press](JaVaScRiPt:{HURT})",
    f"[press]( javascript:{HURT})",
    f"[press](java\tscript:{HURT})",
    f"[press](javascript&colon;{HURT})",
    f"[press](&#106;avascript:{HURT})",
    f"[press](vbscript:{HURT})",
    f"[press](data:text/html;base64,PHNjcmlwdD4{HURT})",
    "[press](blob:https://evil.example/1)",
    "[press](file:///etc/passwd)",
    "[press](//evil.example)",
    "[press](/auth/logout)",
    "[press](auth/logout)",
    "[press](?x)",
    "[press](#x)",
    "[press](\\\\evil.example)",
    "[press](https:evil.example)",
    "[press](http://[::bad)",
    "[press](https://user:secret@evil.example)",
    "[](https://evil.example)",
    "[https://good.example](https://evil.example)",
    '[x](https://evil.example "title" onclick=alert(1))',
    f'[x](https://evil.example/"onmouseover={HURT}//)',
    f"[x](https://evil.example/'onmouseover={HURT}//)",
    f"[<img src=x onerror={HURT}>](https://evil.example)",
    f"[x][1]\n\n[1]: javascript:{HURT}",
    "[1]: https://evil.example 'only a definition'",
    f"<javascript:{HURT}>",
    "<https://evil.example>",
    "https://evil.example/<script>",
    "www.evil.example",
    "mailto:ann@example.org?body=%3Cscript%3E",
    "https://еvil.example",  # noqa: RUF001 - the first letter is Cyrillic
    "https://example.org\u202egro.live",
    f"![x](javascript:{HURT})",
    "![x](https://evil.example/x.png)",
    f'![x](https://evil.example/x.png"onerror="{HURT})',
    f"![<img src=x onerror={HURT}>](data:image/svg+xml,<svg/onload={HURT}>)",
    "[![x](https://evil.example/x.png)](https://evil.example)",
)

SHAPES = (
    f"```<img src=x onerror={HURT}>\n<script>{HURT}</script>\n```",
    f'```js" onload="{HURT}\ncode\n```',
    f"`<img src=x onerror={HURT}>`",
    f"| a | b |\n|--|--|\n| <img src=x onerror={HURT}> | `|` |",
    f"> <img src=x onerror={HURT}>",
    f"- [x] <img src=x onerror={HURT}>",
    f"# <script>{HURT}</script>",
    f"**<b onclick={HURT}>x</b>**",
    "99999999999999999999. a list that begins late",
    "-1. no list",
    ">" * 16_000,
    "_a " * 5_000,
    "*" * 16_000,
    "[" * 16_000,
    "![" * 8_000,
    "`" * 16_000,
    "~" * 16_000,
    "(" * 8_000 + ")" * 8_000,
    "- " * 8_000,
    "|" * 16_000,
    "a|b\n-|-\n" + "x|y\n" * 3_500,
    "https://example.org/" + "a" * 16_000,
    "a" * 16_384,
    "\u0301" * 8_000,
    "👩‍👩‍👧‍👦" * 600,
    "\u202e\u2066 turned around \u202d",
    "\ufeff\u200b visible",
    "𒐫﷽" * 2_000,
    "\n" * 8_000 + "far below",
    "x\n" * 8_000,
    "\t" * 8_000 + "far right",
    "__proto__",
    "constructor",
    "[x](https://example.org/" + "(" * 4_000 + ")" * 4_000 + ")",
    "<" * 16_000,
    "&" * 16_000,
    "\\" * 16_000,
    "1. " * 5_000,
    "* * * " * 2_500,
    "[a](" * 4_000,
    "**a " * 4_000,
    "~~a " * 4_000,
    "a@b." * 4_000,
)

MESSAGES = (*SCRIPTS, *LINKS, *SHAPES)

_UNITS = (
    *("~~a|", "_a)", "*~a", "*a*b", "**1.", "***a ", ">_a", "a_~", "__a**b ", "*a _b ~c ", "**a_ ", "_あ"),
    *("[a](b ", "[_a]", "![a](", "[a](<b ", '[a](b "c', "[[a][b]", "[`a", "`\\`", "`a ``b ", "\\``"),
    *("!", "&!", "a@b.", "a.", "<a@b", "<a ", "<!--", "https://a.b/(", "www.a(", "http://a!)"),
    *("> a\n", "- a\n  ", "-\n-", "+ a\n - b\n", "1. a\n", "[a]: b\n", "# a\n", "```\n", "  \n"),
    *("> " * 30 + "a\n", "- " * 30 + "a\n", "> - " * 15 + "_a)\n", "_a)|~~b\n", " " * 60 + "\n"),
)
SLOW = tuple(unit * (length // len(unit)) for unit in _UNITS for length in (2_500, 16_384)) + tuple(
    "|a" * columns + "\n" + "|-" * columns + "\n" + "x\n" * rows for columns, rows in ((250, 700), (2_000, 4_000))
)
"""What keeps a lexer busy, as it is drawn by itself and as long as a message can be: beginnings that never end, and
tables whose rows are filled up."""

NAMES = tuple(
    name
    for name in (
        *SCRIPTS,
        "\u202eevil",
        "﷽" * 10,
        "a" * 64,
        "__proto__",
        "👩‍👩‍👧‍👦" * 3,
        "[press](https://evil.example)",
    )
    if len(name) <= 60 and name.isprintable()
)
"""Short enough for people and rooms."""
