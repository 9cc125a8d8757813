"""
Compare text as MariaDB's collation ``utf8mb4_general_ci`` does.

Appwrite on MariaDB compares text columns and row ids with this collation. Case, accents and
trailing blanks do not count (PAD SPACE), and characters beyond the basic plane are all equal. The
local server and the backend's local evaluation use this module, so a comparison has the same result
wherever it is evaluated. The module imports nothing from the package.

Source: ``WEIGHT_STRING``, ``STRCMP`` and ``LIKE`` on MariaDB 10.11 for every code point; recordings
``collation-equal``, ``collation-compare``, ``collation-like``.
"""

# ruff: noqa: RUF001 - the table of weights is made of look-alike characters

import re

__all__ = ["contains", "endswith", "fold", "like_fold", "prefix_range", "startswith"]

# A group per weight: the character whose code point is the weight, then every character equal to
# it. A character in no group has its own code point as weight. There are no expansions: each
# character has a single weight ("ß" is "S").
_GROUPS = (
    "AaÀÁÂÃÄÅàáâãäåĀāĂăĄąǍǎǞǟǠǡǺǻȀȁȂȃȦȧḀḁẠạẢảẤấẦầẨẩẪẫẬậẮắẰằẲẳẴẵẶặ BbḂḃḄḅḆḇ CcÇçĆćĈĉĊċČčḈḉ "
    "DdĎďḊḋḌḍḎḏḐḑḒḓ EeÈÉÊËèéêëĒēĔĕĖėĘęĚěȄȅȆȇȨȩḔḕḖḗḘḙḚḛḜḝẸẹẺẻẼẽẾếỀềỂểỄễỆệ FfḞḟ GgĜĝĞğĠġĢģǦǧǴǵḠḡ "
    "HhĤĥȞȟḢḣḤḥḦḧḨḩḪḫẖ IiÌÍÎÏìíîïĨĩĪīĬĭĮįİıǏǐȈȉȊȋḬḭḮḯỈỉỊị JjĴĵǰ KkĶķǨǩḰḱḲḳḴḵ LlĹĺĻļĽľḶḷḸḹḺḻḼḽ "
    "MmḾḿṀṁṂṃ NnÑñŃńŅņŇňǸǹṄṅṆṇṈṉṊṋ "
    "OoÒÓÔÕÖòóôõöŌōŎŏŐőƠơǑǒǪǫǬǭȌȍȎȏȪȫȬȭȮȯȰȱṌṍṎṏṐṑṒṓỌọỎỏỐốỒồỔổỖỗỘộỚớỜờỞởỠỡỢợ PpṔṕṖṗ Qq "
    "RrŔŕŖŗŘřȐȑȒȓṘṙṚṛṜṝṞṟ SsßŚśŜŝŞşŠšſȘșṠṡṢṣṤṥṦṧṨṩẛ TtŢţŤťȚțṪṫṬṭṮṯṰṱẗ "
    "UuÙÚÛÜùúûüŨũŪūŬŭŮůŰűŲųƯưǓǔǕǖǗǘǙǚǛǜȔȕȖȗṲṳṴṵṶṷṸṹṺṻỤụỦủỨứỪừỬửỮữỰự VvṼṽṾṿ WwŴŵẀẁẂẃẄẅẆẇẈẉẘ XxẊẋẌẍ "
    "YyÝýÿŶŷŸȲȳẎẏẙỲỳỴỵỶỷỸỹ ZzŹźŻżŽžẐẑẒẓẔẕ ÆæǢǣǼǽ Ðð ØøǾǿ Þþ Đđ Ħħ Ĳĳ Ŀŀ Łł Ŋŋ Œœ Ŧŧ Ɓɓ Ƃƃ Ƅƅ Ɔɔ Ƈƈ "
    "Ɖɖ Ɗɗ Ƌƌ Ǝǝ Əə Ɛɛ Ƒƒ Ɠɠ Ɣɣ Ɩɩ Ɨɨ Ƙƙ Ɯɯ Ɲɲ Ɵɵ Ƣƣ Ƥƥ Ʀʀ Ƨƨ Ʃʃ Ƭƭ Ʈʈ Ʊʊ Ʋʋ Ƴƴ Ƶƶ ƷǮǯʒ Ƹƹ Ƽƽ Ǆǅǆ "
    "Ǉǈǉ Ǌǋǌ Ǥǥ Ǳǲǳ Ƕƕ Ƿƿ Ȝȝ Ȣȣ Ȥȥ ΑΆάαἀἁἂἃἄἅἆἇἈἉἊἋἌἍἎἏὰᾀᾁᾂᾃᾄᾅᾆᾇᾈᾉᾊᾋᾌᾍᾎᾏᾰᾱᾲᾳᾴᾶᾷᾸᾹᾺᾼ Ββϐ Γγ Δδ "
    "ΕΈέεἐἑἒἓἔἕἘἙἚἛἜἝὲῈ Ζζ ΗΉήηἠἡἢἣἤἥἦἧἨἩἪἫἬἭἮἯὴᾐᾑᾒᾓᾔᾕᾖᾗᾘᾙᾚᾛᾜᾝᾞᾟῂῃῄῆῇῊῌ Θθϑ "
    "Ι\u0345ΊΐΪίιϊἰἱἲἳἴἵἶἷἸἹἺἻἼἽἾἿὶιῐῑῒῖῗῘῙῚ Κκϰ Λλ Μµμ Νν Ξξ ΟΌοόὀὁὂὃὄὅὈὉὊὋὌὍὸῸ Ππϖ ΡρϱῤῥῬ Σςσϲ "
    "Ττ ΥΎΫΰυϋύὐὑὒὓὔὕὖὗὙὛὝὟὺῠῡῢῦῧῨῩῪ Φφϕ Χχ Ψψ ΩΏωώὠὡὢὣὤὥὦὧὨὩὪὫὬὭὮὯὼᾠᾡᾢᾣᾤᾥᾦᾧᾨᾩᾪᾫᾬᾭᾮᾯῲῳῴῶῷῺῼ ϒϓϔ Ϛϛ "
    "Ϝϝ Ϟϟ Ϡϡ Ϣϣ Ϥϥ Ϧϧ Ϩϩ Ϫϫ Ϭϭ Ϯϯ Ђђ Єє Ѕѕ ІЇії Јј Љљ Њњ Ћћ Џџ АаӐӑӒӓ Бб Вв ГЃгѓ Дд ЕЀЁеѐёӖӗ "
    "ЖжӁӂӜӝ ЗзӞӟ ИЍиѝӢӣӤӥ Йй КЌкќ Лл Мм Нн ОоӦӧ Пп Рр Сс Тт УЎуўӮӯӰӱӲӳ Фф Хх Цц ЧчӴӵ Шш Щщ Ъъ ЫыӸӹ "
    "Ьь ЭэӬӭ Юю Яя Ѡѡ Ѣѣ Ѥѥ Ѧѧ Ѩѩ Ѫѫ Ѭѭ Ѯѯ Ѱѱ Ѳѳ ѴѵѶѷ Ѹѹ Ѻѻ Ѽѽ Ѿѿ Ҁҁ Ҍҍ Ҏҏ Ґґ Ғғ Ҕҕ Җҗ Ҙҙ Ққ Ҝҝ Ҟҟ "
    "Ҡҡ Ңң Ҥҥ Ҧҧ Ҩҩ Ҫҫ Ҭҭ Үү Ұұ Ҳҳ Ҵҵ Ҷҷ Ҹҹ Һһ Ҽҽ Ҿҿ Ӄӄ Ӈӈ Ӌӌ Ӕӕ ӘәӚӛ Ӡӡ ӨөӪӫ Աա Բբ Գգ Դդ Եե Զզ Էէ "
    "Ըը Թթ Ժժ Իի Լլ Խխ Ծծ Կկ Հհ Ձձ Ղղ Ճճ Մմ Յյ Նն Շշ Ոո Չչ Պպ Ջջ Ռռ Սս Վվ Տտ Րր Ցց Ււ Փփ Քք Օօ Ֆֆ "
    "Άά Έέ Ήή Ίί Ύύ Όό Ώώ Ⅰⅰ Ⅱⅱ Ⅲⅲ Ⅳⅳ Ⅴⅴ Ⅵⅵ Ⅶⅶ Ⅷⅷ Ⅸⅸ Ⅹⅹ Ⅺⅺ Ⅻⅻ Ⅼⅼ Ⅽⅽ Ⅾⅾ Ⅿⅿ Ⓐⓐ Ⓑⓑ Ⓒⓒ Ⓓⓓ Ⓔⓔ Ⓕⓕ Ⓖⓖ Ⓗⓗ "
    "Ⓘⓘ Ⓙⓙ Ⓚⓚ Ⓛⓛ Ⓜⓜ Ⓝⓝ Ⓞⓞ Ⓟⓟ Ⓠⓠ Ⓡⓡ Ⓢⓢ Ⓣⓣ Ⓤⓤ Ⓥⓥ Ⓦⓦ Ⓧⓧ Ⓨⓨ Ⓩⓩ Ａａ Ｂｂ Ｃｃ Ｄｄ Ｅｅ Ｆｆ Ｇｇ Ｈｈ Ｉｉ Ｊｊ Ｋｋ Ｌｌ Ｍｍ "
    "Ｎｎ Ｏｏ Ｐｐ Ｑｑ Ｒｒ Ｓｓ Ｔｔ Ｕｕ Ｖｖ Ｗｗ Ｘｘ Ｙｙ Ｚｚ "
)

_BEYOND_BMP = 0xFFFD


class _Weights(dict[int, int]):
    """Weights for ``str.translate``; characters without a group are added on first use."""

    def __missing__(self, code_point: int) -> int:
        weight = code_point if code_point <= 0xFFFF else _BEYOND_BMP
        self[code_point] = weight
        return weight


_WEIGHTS = _Weights((ord(member), ord(group[0])) for group in _GROUPS.split() for member in group)

# A control character sorts below the blanks that padding adds, so "a\t" < "a". Plain text order
# cannot express that for a text and its prefix. So every fold ends in a marked blank, and blanks
# before a control character get a lower mark. A mark is a control character, which follows a blank
# in no other case.
_END = " \x02"
_LOWER = " \x01"
_BLANKS_BEFORE_CONTROL = re.compile(" +(?=[\x00-\x1f])")


def fold(text: str) -> str:
    """
    Map a text to another whose code point order is the collation's order.

    Texts are equal or less under the collation, also for uniqueness, exactly if their folds are.
    The result is only for comparing and indexing: it is not readable and does not apply to ``LIKE``
    (see ``like_fold``).

    Args:
        text: any text without lone surrogates.
    """
    weights = text.upper() if text.isascii() else text.translate(_WEIGHTS)
    weights = weights.rstrip(" ")
    if not weights.isprintable():
        weights = _BLANKS_BEFORE_CONTROL.sub(lambda run: _LOWER * len(run[0]), weights)
    return weights + _END


def like_fold(text: str) -> str:
    """
    Map each character to its weight, which is the value that ``LIKE`` compares.

    ``LIKE`` compares character by character without padding: ``'apple ' LIKE '%e'`` is false
    although ``'apple ' = 'apple'``.
    """
    return text.upper() if text.isascii() else text.translate(_WEIGHTS)


def contains(text: str, part: str) -> bool:
    """Return whether ``text LIKE '%part%'``, with the wildcards in ``part`` escaped."""
    return like_fold(part) in like_fold(text)


def startswith(text: str, part: str) -> bool:
    """Return whether ``text LIKE 'part%'``, with the wildcards in ``part`` escaped."""
    return like_fold(text).startswith(like_fold(part))


def endswith(text: str, part: str) -> bool:
    """Return whether ``text LIKE '%part'``, with the wildcards in ``part`` escaped."""
    return like_fold(text).endswith(like_fold(part))


def prefix_range(part: str) -> tuple[str, str] | None:
    """
    Return bounds ``low <= fold(text) < high`` for every text that starts with ``part``.

    With an ordered index on folds, the bounds narrow a ``startswith`` before the exact check.
    Blanks at the end of ``part`` do not narrow it, because folds drop them. The result is None if
    folds do not keep ``part`` unchanged, because they mark blanks before control characters.
    """
    weights = like_fold(part).rstrip(" ")
    if not weights or not weights.isprintable():
        return None
    return weights, weights + "\U0010ffff"
