"""Messages as people and editors write them, hard to rewrite; and what a thousand accidents make of them."""

# ruff: noqa: E501

from __future__ import annotations

import random

MUTATION_COUNT = 1_000

NASTY: dict[str, str] = {
    "plain": '<html><body><p>Hi</p><a href="https://shop.example.com/sale">Sale</a></body></html>',
    "single quotes": "<a href='https://shop.example.com/a?x=1'>a</a>",
    "unquoted": "<a href=https://shop.example.com/a>a</a> <a href=https://shop.example.com/b/>b</a>",
    "unquoted before a slash": "<a href=https://shop.example.com/a/ class=x>a</a><a class=x href=https://shop.example.com>b</a>",
    "blanks around the equals sign": "<a href = \"https://shop.example.com/a\" >a</a><a href\n=\n'https://shop.example.com/b'>b</a>",
    "blanks around the value": '<a href="  https://shop.example.com/a \t">a</a>',
    "upper case": "<A HREF=\"HTTPS://SHOP.EXAMPLE.COM/A\">a</A><a HrEf='hTTp://shop.example.com/B'>b</a>",
    "entities": '<a href="https://shop.example.com/?a=1&amp;b=2&amp;c=3">a</a>',
    "bare ampersands": '<a href="https://shop.example.com/?a=1&b=2&copy=3&lt=4&reg_id=5&notit;">a</a>',
    "numeric references": '<a href="https&#58;//shop.example.com/&#x61;?q=&#39;x&#39;">a</a>',
    "entity at the end": '<a href="https://shop.example.com/?a=1&copy">a</a><a href=https://shop.example.com/?b=&amp>b</a>',
    "scheme in entities": '<a href="&#104;ttps://shop.example.com/a">a</a><a href="https&colon;//shop.example.com/b">b</a>',
    "line breaks in the value": '<a href="https://shop.example.com/\r\na/\nb?x=\r\n1">a</a>',
    "carriage returns": "<p>a\r\n\r\nb</p>\r\n<a\r\nhref='https://shop.example.com/a'\r\n>x</a>\r\n<p>\r</p>\r<a href=https://shop.example.com/b\r\nid=x>b</a>\r\n",
    "not only ascii": "<p>Été 😀 𝒳</p><a href='https://müller.example/straße?q=été😀'>Été</a><p>𝒳𝒴</p><a href=\"https://shop.example.com/🛒\">🛒</a>",
    "byte order mark": '\ufeff<a href="https://shop.example.com/a">a</a>',
    "blank in the url": '<a href="https://shop.example.com/a b?c=d e">a</a>',
    "mail and telephone": '<a href="mailto:a@example.com?subject=https://shop.example.com/">m</a><a href="tel:+33123456789">t</a><a href="sms:1?body=https://x.example">s</a><a href="https://shop.example.com/">ok</a>',
    "anchors and nothing": '<a href="#top">t</a><a href="">e</a><a href>n</a><a name="top">a</a><a href="https://shop.example.com/#top">ok</a>',
    "script": '<a href="javascript:location=\'https://shop.example.com/\'">j</a><a href="data:text/html,https://x.example">d</a>',
    "placeholders": '<a href="{{unsubscribe}}">u</a><a href="*|UNSUB|*">m</a><a href="%%unsub%%">x</a><a href="<%= url %>">e</a><a href="[[link]]">l</a><a href="${url}">d</a><a href="{unsubscribe_url}">n</a><a href="%recipient.link%">g</a>',
    "placeholder in a url": '<a href="https://shop.example.com/?u={{ user.id }}">u</a><a href="https://shop.example.com/">ok</a>',
    "templating around": '{% if a < b %}<a href="https://shop.example.com/a">a</a>{% else %}<a href="https://shop.example.com/b">b</a>{% endif %}',
    "templating within the tag": '<a {{#if x}}href="https://shop.example.com/a"{{/if}} class="b">a</a><a {{attrs}} href="https://shop.example.com/c">c</a>',
    "image map": '<img usemap="#m" src=x><map name=m><area shape=rect coords="0,0,1,1" href="https://shop.example.com/a"><AREA HREF=https://shop.example.com/b nohref></map>',
    "outlook button": '<!--[if mso]><v:roundrect xmlns:v="urn:schemas-microsoft-com:vml" href="https://shop.example.com/a?x=1&amp;y=2" style="height:40px;"><center>Buy</center></v:roundrect><![endif]--><!--[if !mso]><!--><a href="https://shop.example.com/a?x=1&amp;y=2">Buy</a><!--<![endif]-->',
    "conditional comments": '<!--[if gte mso 9]><table><tr><td><a href="https://shop.example.com/a">a</a></td></tr></table><![endif]--><!--[if (mso)|(IE)]>\r\n<a href=https://shop.example.com/b>b</a>\r\n<![endif]--><![if !mso]><a href="https://shop.example.com/c">c</a><![endif]>',
    "conditional comment that is cut": '<!--[if mso]><a href="https://shop.example.com/a">a</a><![endif]--><!--[if mso]><a href="https://shop.example.com/b">b</a>',
    "conditional comment in text": '<textarea><!--[if mso]><a href="https://shop.example.com/a">a</a><![endif]--></textarea><p title=\'<!--[if mso]><a href="https://shop.example.com/b">b</a><![endif]-->\'>x</p><!--[if mso]><a href="https://shop.example.com/b">b</a><![endif]-->',
    "conditional comment in a script": '<script><!--[if mso]><a href="https://shop.example.com/a">a</a><![endif]--></script><!--[if mso]><a href="https://shop.example.com/a">a</a><![endif]-->',
    "comments": '<!-- <a href="https://shop.example.com/a">a</a> --><a href="https://shop.example.com/b">b</a><!--><a href="https://shop.example.com/c">c</a>',
    "bogus comments": '<?xml version="1.0"?><!doctype html><!ELEMENT a><a href="https://shop.example.com/a">a</a></ x><![CDATA[<a href="https://shop.example.com/b">b</a>]]>',
    "title and style": '<title><a href="https://shop.example.com/a">a</a></title><style>a[href="https://shop.example.com/b"]{}</style><a href="https://shop.example.com/c">c</a>',
    "script and textarea": '<script>"<a href=\'https://shop.example.com/a\'>"</script><textarea><a href="https://shop.example.com/b">b</a></textarea><a href="https://shop.example.com/c">c</a>',
    "noscript": '<noscript><a href="https://shop.example.com/a">a</a></noscript><a href="https://shop.example.com/b">b</a>',
    "template element": '<template><a href="https://shop.example.com/a">a</a></template><a href="https://shop.example.com/b">b</a>',
    "amp list": '<!doctype html><html ⚡4email><head></head><body><amp-list src="https://x.example/l"><template type="amp-mustache"><a href="https://shop.example.com/a">{{name}}</a></template></amp-list></body></html>',
    "svg": '<svg><a xlink:href="https://shop.example.com/a" href="https://shop.example.com/b"><text>x</text></a></svg>',
    "two hrefs": '<a href="https://shop.example.com/a" href="https://shop.example.com/b">a</a><a HREF=https://shop.example.com/c href=https://shop.example.com/d>c</a>',
    "href elsewhere": '<link href="https://shop.example.com/a" rel=x><p href="https://shop.example.com/b">x</p><button href="https://shop.example.com/c"></button><form action="https://shop.example.com/d"></form><a data-href="https://shop.example.com/e" href="https://shop.example.com/f">x</a>',
    "value like an attribute": '<a title="href=https://shop.example.com/a" href="https://shop.example.com/b">x</a><a title=\'x" href="https://shop.example.com/c\' href="https://shop.example.com/d">y</a>',
    "greater than in a value": '<a title="a>b" href="https://shop.example.com/?q=>x" class=">">x</a>',
    "quote in a value": "<a href='https://shop.example.com/?q=\"x\"'>x</a><a href=\"https://shop.example.com/?q='x'\">y</a>",
    "not closed": '<a href="https://shop.example.com/a">a<p><a href="https://shop.example.com/b">b<div>c',
    "nested": '<a href="https://shop.example.com/a"><b><a href="https://shop.example.com/b">b</b></a></a><a href="https://shop.example.com/c"><table><tr><td><a href="https://shop.example.com/d">d</a></td></tr></table></a>',
    "in a broken table": '<table><a href="https://shop.example.com/a">a</a><tr><a href="https://shop.example.com/b">b</a><td><a href="https://shop.example.com/c">c</a></table>',
    "formatting elements": '<p><a href="https://shop.example.com/a"><b>x<p>y</a></b><p>z<a href="https://shop.example.com/b">w</p>',
    "select": '<select><option><a href="https://shop.example.com/a">a</a></option></select><a href="https://shop.example.com/b">b</a>',
    "no blank between attributes": '<a class="x"href="https://shop.example.com/a"title=\'t\'>a</a><a/href="https://shop.example.com/b">b</a>',
    "cut in a tag": '<a href="https://shop.example.com/a">a</a><a href="https://shop.example.com/b',
    "cut in an unquoted value": '<a href="https://shop.example.com/a">a</a><a href=https://shop.example.com/b',
    "null characters": '<p>\0</p><a href="https://shop.example.com/\0a">a</a>\0<a href="https://shop.example.com/b">b</a>',
    "base": '<base href="https://shop.example.com/shop/"><a href="../sale?a=1&amp;b=2">a</a><a href="item">b</a><a href="//cdn.example.com/x">c</a>',
    "no base": '<a href="sale">a</a><a href="/sale">b</a><a href="?x">c</a><a href="//shop.example.com/x">d</a>',
    "odd schemes": '<a href="https:shop.example.com">a</a><a href="https:/shop.example.com">b</a><a href="http://">c</a><a href="ftp://x.example/">d</a><a href="https://user:pw@shop.example.com:8443/x">e</a>',
    "peers' marks": '<a clicktracking=off href="https://shop.example.com/a">a</a><a ses:no-track href="https://shop.example.com/b">b</a><a mautic:disable-tracking=true href="https://shop.example.com/c">c</a><a href="https+notrack://shop.example.com/d?x=1&amp;y=2">d</a><a href="https://shop.example.com/e">e</a>',
    "two bodies": '<body><a href="https://shop.example.com/a">a</a></body><body><a href="https://shop.example.com/b">b</a></body></html>\r\n<a href="https://shop.example.com/c">c</a>',
    "body in a comment": '<body><a href="https://shop.example.com/a">a</a><!-- </body> --><p></p></BODY ></html>',
    "frames": '<frameset><frame src="https://shop.example.com/"></frameset><noframes><a href="https://shop.example.com/a">a</a></noframes>',
    "quoted printable by mistake": '<a href=3D"https://shop.example.com/a">a</a><a href="https://shop.example.com/b?x=3D1">b</a>',
    "long": "".join(
        f'<p>{"word " * 8}</p><a href="https://shop.example.com/p/{n}?utm_source=nl&amp;n={n}">{n}</a>'
        for n in range(60)
    ),
    "newsletter": '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\r\n<html xmlns="http://www.w3.org/1999/xhtml" xmlns:v="urn:schemas-microsoft-com:vml">\r\n<head>\r\n<title>Soldes &amp; nouveautés</title>\r\n<!--[if mso]><xml><o:OfficeDocumentSettings/></xml><![endif]-->\r\n<style type="text/css">\r\n  a { color: #fff; }\r\n</style>\r\n</head>\r\n<body>\r\n<table role="presentation" width="100%"><tr><td align="center">\r\n<a href="https://shop.example.com/?utm_source=nl&amp;utm_medium=email" target="_blank"><img src="https://cdn.example.com/l.png" alt="Shop"></a>\r\n</td></tr><tr><td>\r\n<a href="https://shop.example.com/soldes?utm_source=nl&amp;utm_medium=email" style="color:#fff;">J\'en profite</a>\r\n<a href="https://www.facebook.com/shop">Facebook</a>\r\n<a href="mailto:hello@example.com">Contact</a>\r\n<a href="{{unsubscribe_url}}">Se désabonner</a>\r\n</td></tr></table>\r\n</body>\r\n</html>\r\n',
}

_INSERTED = [
    "<", ">", '"', "'", "&", "=", "/", " ", "\n", "\r", "\r\n", "\0", "😀", "<!--", "-->", "<![endif]-->", "<!--[if mso]>",
    "</a>", "<a href=", '<a href="https://shop.example.com/m">', "<table>", "</td>", "<select>", "</select>", "<title>",
    "</title>", "<textarea>", "<svg>", "<math>", "<template>", "</body>", "<p>", "<b>", "&amp;", "&copy", "<style>", "{{x}}",
]  # fmt: skip


def mutated(number: int) -> str:
    """The mutation `number`: one of the messages with one to six accidents, the same in every run."""
    chance = random.Random(f"nasty {number}")
    names = sorted(NASTY)
    text = NASTY[names[number % len(names)]]
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(text))
        end = min(len(text), at + chance.choice((1, 1, 2, 5, 20)))
        accident = chance.randint(0, 3)
        if accident == 0:
            text = text[:at] + text[end:]
        elif accident == 1:
            text = text[:at] + text[at:end] * 2 + text[end:]
        elif accident == 2:
            text = text[:at] + chance.choice(_INSERTED) + text[at:]
        else:
            text = text[:at] + text[at:end][::-1] + text[end:]
    # Half an emoji or a CR LF turned around is no text that a mail could hold.
    return text.encode("utf-8", "replace").decode()


def messages() -> dict[str, str]:
    """All of them by name: the nasty ones, then their mutations."""
    return NASTY | {f"mutation {number}": mutated(number) for number in range(MUTATION_COUNT)}
