"""
Order text as glibc's locale en_US.utf8 does, the order of PostgreSQL's official image.

Texts are compared in four passes, each over the whole text: letters and digits first, then accents,
then case (lower before upper) and other forms, at last the blanks and signs that the first passes
leave out, with their places. What is still equal is compared byte by byte, as PostgreSQL does. The
locale knows the characters of Unicode 9 and nothing about Hangul syllables and ideographs outside
U+4E00 to U+9FA5: those count in the last pass only, and are equal there.

The module imports nothing from the package.

Source: ``strxfrm`` and ``strcoll`` of glibc 2.36 for every code point, written down by
``tests/appwrite_local/measure_locale.py``; recordings ``locale-order`` and ``locale-compare`` (the
table of glibc has been the same since 2.28).
"""

import base64
import re
import unicodedata
import zlib
from collections.abc import Iterator
from functools import cache
from itertools import repeat
from typing import NamedTuple

__all__ = ["key"]

_SEPARATOR = "\x01"  # below every weight
_FIRST_WEIGHT = 2
_HAN = range(0x4E00, 0x9FA6)
_HIGHEST = 0x10FFFF


class _Element(NamedTuple):
    """
    The weights of a character, a text for each pass.

    Attributes:
        backward: whether accents are compared from the last to the first within a run of such
            elements. The locale says so for signs, marks and digits.
        counts: whether the last pass sees the element. Ideographs only shift those behind them.
    """

    letters: str
    accents: str
    forms: str
    place: str
    backward: bool
    counts: bool = True


# A character that the locale does not know: an element for each byte.
_UNKNOWN = _Element("", "", "", chr(_FIRST_WEIGHT), backward=True)


def key(text: str) -> bytes:
    """
    Return bytes in the order of the locale; different texts have different keys.

    Args:
        text: any text. PostgreSQL stores none with U+0000; here it is an unknown character.
    """
    if text.isascii():
        letters, accents, forms, places = _ascii_tables()
        passes = (
            text.translate(letters),
            _PASSED_OVER.sub("", text).translate(accents),
            text.translate(forms),
            text.translate(places),
        )
    else:
        elements = list(_elements_of(text))
        passes = (
            "".join([element.letters for element in elements]),
            "".join(_accents(elements)),
            "".join([element.forms for element in elements]),
            "".join(_places(elements)),
        )
    weights = _SEPARATOR.join(passes).encode("utf-8", "surrogatepass")
    return weights + b"\0" + text.encode("utf-8", "surrogatepass")


# See _accents. ASCII has no accents, but digits and some signs count as unaccented.
_PASSED_OVER = re.compile("[^A-Za-z](?=[^A-Za-z][A-Za-z])")


def _accents(elements: list[_Element]) -> Iterator[str]:
    """
    Yield the weights of the second pass as ``strcoll`` reads them.

    A run of backward elements is read from its end. When something follows it, ``strcoll`` passes
    over the last but one, which ``strxfrm`` does not; PostgreSQL compares with ``strcoll``. And the
    place where it believes the run to begin is behind the last element with accents' weights.
    """
    at = believed = 0
    while at < len(elements):
        start = at
        while at < len(elements) and elements[at].backward:
            at += 1
        if at > start:
            yield elements[at - 1].accents
            left = at - start - (2 if at < len(elements) else 1)
            for step in range(left, 0, -1):
                yield elements[believed + step - 1].accents
            believed = at + 1
        if at < len(elements):
            yield elements[at].accents
            at += 1
            if elements[at - 1].accents:
                believed = at


def _places(elements: list[_Element]) -> Iterator[str]:
    skipped = 0
    for element in elements:
        if element.counts:
            yield chr(min(_FIRST_WEIGHT - 1 + skipped, _HIGHEST)) + element.place
            skipped = 0
        else:
            skipped += 1


def _elements_of(text: str) -> Iterator[_Element]:
    composed, swapped = _contractions()
    text = composed.sub(lambda found: _composed()[found[0]], text)
    end = 0
    for found in swapped.finditer(text):
        yield from _single_elements(text[end : found.start()])
        vowel, consonant = _single_elements(found[0])
        yield consonant._replace(
            letters=consonant.letters + vowel.letters,
            accents=consonant.accents + vowel.accents,
            forms=consonant.forms + vowel.forms,
            place=consonant.place + vowel.place,
        )
        end = found.end()
    yield from _single_elements(text[end:])


def _single_elements(text: str) -> Iterator[_Element]:
    known = _table()
    for character in text:
        code_point = ord(character)
        if code_point in known.elements:
            yield known.elements[code_point]
        elif code_point in _HAN:
            weight = chr(known.first_han + code_point - _HAN.start)
            yield _Element(weight, "", "", "", backward=False, counts=False)
        else:
            yield from repeat(_UNKNOWN, len(character.encode("utf-8", "surrogatepass")))


# Sequences with the weights of one character, which Unicode composes of them.
_COMPOSED = (
    "йЙآأؤإئোৌୈୋୌஔொோௌైೀೇೈೊೋൊോൌේොෝෞဦᬆᬈᬊᬌᬎᬒᬻᬽᭀᭁᭃ"
    "\U0001134b\U0001134c\U000114bb\U000114bc\U000114be\U000115ba\U000115bb\U0001112e\U0001112f"
    "ŀĿำຳ\u0f73\u0f75\u0f76\u0f77\u0f78\u0f79\u0f81"
)


@cache
def _composed() -> dict[str, str]:
    made = {"l\u0387": "ŀ", "L\u0387": "Ŀ", "\u0fb2\u0f81": "\u0f77", "\u0fb3\u0f81": "\u0f79"}
    for sign in _COMPOSED:
        parts = unicodedata.decomposition(sign).split()
        pair = "".join(chr(int(part, 16)) for part in parts if part[0] != "<")
        made[pair] = sign
        made[unicodedata.normalize("NFKD", sign)] = sign
    return made


# A vowel that is written before its consonant and compared behind it: Thai, Lao, New Tai Lue, Tai
# Viet.
_SWAPPED = (
    "[\u0e40-\u0e44][\u0e01-\u0e2e]"
    "|[\u0ec0-\u0ec4][ກຂຄງຈຊຍດ-ທນ-ຟມ-ຣລວສຫອຮໜ-ໟ]"
    "|[\u19b5-\u19b7\u19ba][\u1980-\u19ab]"
    "|[\uaab5\uaab6\uaab9\uaabb\uaabc][\uaa80-\uaaaf]"
)


@cache
def _contractions() -> tuple[re.Pattern[str], re.Pattern[str]]:
    longest_first = sorted(_composed(), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))), re.compile(_SWAPPED)


@cache
def _ascii_tables() -> tuple[dict[int, str], ...]:
    known = _table().elements
    first = [(code_point, known.get(code_point, _UNKNOWN)) for code_point in range(128)]
    return (
        {code_point: element.letters for code_point, element in first},
        {code_point: element.accents for code_point, element in first},
        {code_point: element.forms for code_point, element in first},
        {code_point: _SEPARATOR + element.place for code_point, element in first},
    )


class _Table(NamedTuple):
    first_han: int
    elements: dict[int, _Element]


@cache
def _table() -> _Table:
    """
    Read the measured table.

    It is a list of numbers: the rank of the first ideograph and of the first letter; the distinct
    shapes (weights of a character but its letters); then every character in the order of the last
    pass: its distance from the one before, its shape, and its letters, each as the distance from
    the letter before.
    """
    numbers = _numbers(zlib.decompress(base64.b85decode(_MEASURED.replace("\n", ""))))
    first_han, first_forward, shape_count, count = (next(numbers) for _ in range(4))
    shapes = []
    for _ in range(shape_count):
        letter_count, accents = next(numbers), _weights(numbers)
        shapes.append((letter_count, accents, _weights(numbers)))
    distances = [next(numbers) for _ in range(count)]
    kinds = [shapes[next(numbers)] for _ in range(count)]
    known = {}
    code_point, letter = -1, _FIRST_WEIGHT
    for rank, (distance, shape) in enumerate(zip(distances, kinds, strict=True)):
        letter_count, accents, forms = shape
        code_point += _signed(distance) + 1
        letters = ""
        for _ in range(letter_count):
            letter += _signed(next(numbers))
            letters += chr(letter)
        place = chr(_FIRST_WEIGHT + rank)
        known[code_point] = _Element(letters, accents, forms, place, rank < first_forward)
    return _Table(_FIRST_WEIGHT + first_han, known)


def _numbers(packed: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in packed:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield number
            number = shift = 0


def _weights(numbers: Iterator[int]) -> str:
    count = next(numbers)
    return "".join(chr(_FIRST_WEIGHT + next(numbers)) for _ in range(count))


def _signed(number: int) -> int:
    return -(number + 1 >> 1) if number & 1 else number >> 1


_MEASURED = """
c-riJ2|!)N)$nZh-p7OYE{XAF(MGE_Rco!a+N#wwwpwetd~MY(ezw0_YpWq9F&J%YBan~)31Q#&urDDi5Fla6zCeHk$eut#0%Tu-
u>Lc1?|mB&0x@0mdo%BzJ9FmDnRCvZS?+!B-q+(9G`)dbYJ-3V2<ZtT1~3DJ0f7OL0f_+}11=2c8E~Zlxe~-`yD@};0V4x41MUor
VPGr+cQ7!Hfjb#6F)&^MGJq3UY6445WT{CE+{M7%419%w$qd}Xz`YE7m4W*hxSxRs82B0kQyBO<0}nFr5Cac0@C^nYVc?q#Jj%eg
7<i0<Z!_>X1K(lb2?m~I;JXZbkAbHcc$$G{82CN|&ob~F15+9J0Rz(*c%FeDGVmh?USQxw27b)IOAP#kftMMW&cII@_!$E~SHPVN
j0f-+Ec-tU{89nq0s7^eXgn?Y6+`@*fmakji(XNRUS){a82F6>?qq<L|K?3}=bik-$bQQTf5*V@8F*a*cQQa}Usq^fS7`s26~4j1
9~5vW1C;C!3fUhNvOluI|Hr_a3b>O2O7`X_y!<VOeT!k=V(PukvVUUW9R~i)z`G3mg@L~^@E!y2Gcbbz4+ds3@Bss}7?{n#90opQ
U@ilm41C1EJO(~y;1dS^#=zeh_y+@@GVo6Z<}>ga173VYcys8(;Q|g9a_Gz9A`TaG=*OWyhXEWe;czL3fgCR5Fo?ro4nsH$<uHuH
a1J9ljN~wi!)Oj;IE>{mj>C8k6F5xdFp0xt4pTT>&S5HtX&k0=n89HthglqEbC|<nE{Ay>uHZ1A!<8Ja;&3&GYdBoX;W`crI4tC_
h{N?97IRp_VJU|jINZo#8HeQ@R&ZF!;U*3@bGU`WtsHLSa65-PINZtME)I8dSjAyAhkH1z;jos&Iu7@8xR1kn4jVXZ<ZwTS2RJ;)
;UNwWb9jWqqZ}UN@HmG}95!=!g2R&>ws3fg!_yqLa@fXUJBMdDJj>xZ4$pIVfy0XwvJaiF!FU9CTIM(g+!#O%U<L>SV;C5VC@q>a
39}R86qAsW<|jf3rgJ%_Im{E2CQTxQEe>SDgb5QB98GcJ2@^#T@F2264Ld=jn#kBsqyn<_fu02AB(f6*B5#Q$1TA6E5_j<g0+K>1
X{3@yDruyWMygYoyC^kWh>CVa>WM0gf$LZmZBWogh1#g0$0+Er%IPlUbhmPvteoyss@x~40^BF5bstd5FG0<g6DJ}}v)q_!YRs51
h_DnPj7CY1RnokQVnRuxj2=>Zm8IPk-tLMP?p!%e>Efaon;Kv3rinDLY7;2^M5Wpkvt(n&(DP-e2n2Lk<)`T~R<rY1K~?HOT2*O5
k|eCT1}(VL>>(2;Dot_TUpLcFoG?)kxN`^-nQy30L5XQM@OCVI#c=m&eL%&eqUnGdbQ32iL2GRySDYG>TZ+lzrgVuxliuK}B{ZJ0
LLqAuW3+;CiZ=Hs<@adi_h^20kLG9h+@&S%V+l>Q399tOs21zA#C=A!iLWWVFGC|{-ON%zHN30VjH^yFysKL4eq=TfQU|KQfXIN3
0T({71Z7|e%D@uTfhA}IOV9?EpbacR9aw@oumo*j3EIFCw1Fk414~c_mY@zSK^;+oa+1`6C8z^SPzIKu4lF?(Sb{RJ1Z7|e%D@to
fh8ydOHc=vpbacR9asWT$B#r?Q^yZYn#T`I^ARH`ql7bZ*Cd^&pr<G&>R#MwF0->T3M6efNRm1n1Z_A7+Herm;lO#^sj&FE(vYi0
cAus#ZG+RfDFg<MfI6n2Ii{dGrl2~epgE>eaF0@Ok5+Jx)<O4Z9dyrKTH-!6L7h<0oKVo5P*9yv5mn<t9Zt|3PEZ|A&>W5qbvEfB
W!gYWRiup#q=-al;t@`-CIz)v^Jye#bb^IWu+ZtTIib?&Ep&Pd-6PnXP$b1jJ#o3PCKuM^!WOx(MJ}w#g*CabMJ{ZS3u|&=O)hMa
3tQyEnq2r1&HNfhctjn<dS&SAwfrMUJt>{RTT*9NWr&;jn3mLm#ZFHvRi05!KTuB7l+*W>(|6fKNVz=C<`+(6VyEYn(y59JKX^_R
?gvwO0<vo^$S%exxRcMNCKEr6AJ0$Y#_`jgcTyfdr)B&!e!S`;<7rSNH<?UIV%)fKlB7=B(s(7%N^G~U5YW6V1KS{vw++0)xN-FK
Cq?`}DNX+gsbxHO1uE0_a){J*P_aN7R9B~~D#10r)bUy3666!9HgWSsT2+Px4bL;oCVB>3889$lWWb$u{se8>=bkXZIs?Y53j*7d
xhh*TBM_8L(s)r_#|Rj&E_;Y2$MYl+8FoBSiFlpyK+9V1vy{^DR$0u{n4oZEmbl{%-ZIT$N{1DJCMW_;Pz0J_TYZ8m5Y=M5d0C^i
C-B<TzbBY=BRpdv0pqc%{&)?`<rz=RW*KjVpP)3P*u<=^G9TY@2V&b+1_%RV7?{8S>tw#MBFYXEsk<1RWeb5+kJ1DCP{wa=00f2#
laAckg43khXKA|Y9)@{>fwwKJk~>7ZI>+!8s{4*BOuxieROHf<x1I(6+Tex2|E*BHcs4sdVB3S^l+zPt==KEAaT3J0O!N>Ro$4b2
qYX1+lQZ}4Ae$z_p8$6~Ku2IC(t~8ok-w(Z$?(EXVp|dbeg{kzoIP^_ru~|psvrW6WP88{`Hs?LBd2}ew!+ji&?fJ$Oc5mz+y}-j
Qn{bO{c1y(%+$yaC1Qn|l4{`^y=or^cHP9k9<->m5VC}aZMjYLV@i|p5EQ~4E*f^Mg<y&~RRs^Yfcu_cv|t$o-4HyZaGP$SK0_zT
bvN_>XX$vKW-ZHs5sa9ACg?nt`V@FU8+$qkCJ`)R*OeyL;mQX&@Tx&UKU&{sTp#8wa`mBTB9w{9CO(s1<w)M7ea=XAz!{w3-xfx=
4n1x)e38>?&hT#!&pJ)u49@VS4dio{^X=21W$g*Rcjn2v6-*Pnd$bo{4#^v>o7361Zxbf#*$%G|0&yM8Lg0-NG+BteW`0hCCLg-R
h57>!OO0K@_Rr%^!{PVPRvUi+N|0s>W;9O<@*uc(5UCq2d>j06lg(w%y`YQbAEg)Ltj=DTh`KkRV0#t11kjBv*H-L{AAaX(MEe*A
G_<ZU77c$*sx=MGT|8+K;TH^}aY<qp01bU%f`*jax<vQK(RAlFJa!Q7XP^VVNhMk%?s4TZK1x0GbpT=^?*jc)s;p_G<IXzxL2JdP
(^Wgx(#;Fi<WuVLIPZ55&2GNz6&&&lmb5E!bI4J-^s@7t^ctTVdJ;1C91DvSqDI(-ta>7k&jcn^3$J0v^6!O;Xyy>B5Z0S}GTy-8
Gge*fbq}?tP2hJcu0$aafPA23j(AwTLf?W&#n1mwPV(b!&ss3@;Qnt_@6p@B<=VgK0?RyYCK?`}s>V;88xLprFA0+!tbi5jWV{T4
WD|%V&BXBUxREwt*m(=x!mXAjJY<m<ar%feIK!7IOmc9wF!nzn$Ao_c)8E{N+1TCsvhg--`L;mEld?M*Vy3ne{D*@$zL9W9{=pv?
3iT<lG!r(l^YKhLKW#$xL<-_2x{MV*_-NkTG2)x|gO}ZbNOUhyWklZHIuU_ggj~^!0V-otnyaGhA~#J8{#EFY_2h(W@3*2)W3VR#
U)UxDoi=DI4%3*3ZhU(!a)H@Tc}STorm<_hmzA~2&us$j5p;m@zi>_5^{rL7IZ+2H=FxgO&~m}8a<O5<1f{*UseT(o{|zFA4VR_2
L_PINz1j;15S{4(qt98%E#$1!dqyffE!Cfv29BWtAM-`r-Cv=k*p+N(kbJ8ody_o`rfijVHA&dJQM#i@PgB{t!__QV)g<Mr$y!?O
FQ%g#)zV~8t=~(tOO)(mNA>kI7pNBQ*6&)WyZ#HjR+oA}YFw!s_yykIMB5yD2LM(2YDI28{S=@RfCM7+70CWxa-+G!8^4Kh+8zRW
gZN-fyg`>^k@AZ3lKY_=g$qxgK*_M9fGmy2mrx#Tge@oyhLSGWh0o!Og*u?o_F|sw{T^6UM6RL!7_8vEL?5ApQZGUs<FCN>JvuXU
bL@~Vpv1|C^s%TL9uP|MNE`Gb(LT6kyi(qR>d`c$u<3_~;BwOic*=?q*4SJ^@sqpUy5TVa#O4zp5^3R~iJ{a_*scT1f7n}07OW@r
l_c^8wMz12&=;svf9`Wl89OH~5)^WQoM@%ab^auwB%ogVPINK#fVS;wF6Nx_WpVj)<_V7fAT(p4bhuXnWs|b*=!eM<B)aa|KpqK2
2jIgX)>{O9=Um?3(eHA+pV!_4K?yuvEVdSlpr8^8-M!L{eyOZSDnfys63g{U{k_tPcBuna$-sC9FTG9%E|CD2!YO|DYXiEgSG>{d
@CIFi4?H#@5hdbXqP6+&JH$_W>5&M_NFq%9%H*kMNGLjnCikN<n208y`^BmQ_?Z5WiFj%mEECr>q8zt?Z-t@&xCWJxGJ(0uF-W6$
%#gSq9mD;d*gIP)EtjGf%b@k0u{6X~86J#WWdy~WjFW>&{7W@ej-?^>cH-o_UKpbY<X&Z#DDi*#_ghJnQ;$3!24Jc9X%ppm&N%J$
4EV%e)DJ(I8Ve7=sc$9=yMz<cgNn$L6YXSnzc$%@lJN=m;Akp)d@`<jEfi7tYs#h2*QQ)qZB#T^xyO)&y!2zorpCc#pOxSew<*6;
5N!`vh?Qg&+WGw{zw$zBjrr3px#PjGYO{Q`!(c%b7*|aXQq!k`VN(?ha!|6;m}5?FHkLWWZ#7oXbQ@&6Z^59)hOuWF8v={OV_320
30OtVnNOy^c}_o!A$LrE*j*fJd{D0^BQ)mPIGFgEpF7hg>&d-h5Go>DI85v_9PTi%)WDB6O}F4#ZmYOOv_2|247gJ<@ohH48mV6#
mHuvbyNh(4a-%ELWW7Fe6h>J3(qv5|04le^ifu6Dg*7h%u=2(H7pr;<SBF)w|CZIumtP0@WMs<e-Q9I#jcj_Epa&0MiyE1BcTZmW
(q3gs-TLAdsu3vbF?9Y5)cHW?HhIbkVcsID)EkL#8Qw$Ub+y7sbeiG@9vqE6EwG};5Ljs>OQ(NMHI9s{c*aq`Y#3KI_GXe#dUVoL
qmeqN&(QZTa-)%n3&1Z&BX3%tVR5B#+4TRM#E*ktj7DHOYhC_N8kl{J^OKPayy53eRPQQCw;3BRN|zSG?u~|bt-|$fhU#Fr>ceQm
PD9ij{6gbABnqh?FZ`IEistUaIb<b?^{mYxHzI`_c##kYi?Pe5d0Rh3B_BR~=Rx#`vUIX8Tc5DWSl|T@&8<Pr9#3xA4xftn9W7{&
CXsM&6!EXYrN7ydP7vC@oD_&Vo?G$#1Oyhr`XaJ9RX9DPbw<tyTM^Aw7Lq=X;F-Zi#5Yf%A{Y2dZIcE|95MMjSs0-Muf@ZLEpRP4
^1<(GVSN@^nMDqJq~H_LLQEzJoX56S7p1IED%=LMNRn#|xgSy`Up_YX?cUes)m}H$T{nR6PD6XAfr#bPeSS*QF`JCO?jbYsA_Nc<
EkxsGGppolk)$Y2u<%}M$lGntJ!<m$I^)?o<L22NbM@Yy6u6Xo*3SL-!%Z0^q!wS_0u#5vWu1nrordQD2;2sbp;Ej7<BIn{6`Zo)
16=V~GCK<;MhNMt<oYMHvCS8yj)m}~;Zfe$9%$3pGDD>yWDfq_Z?jmp)y;cr`N!4smXp)7{5=heJcV88{D<hohm(#XbmG?_=(qLj
2{@Q4gwNbmNN#lFq8yktGx)i!Supv7N)&1saJ}wvY{oL!>4DI~nd4*7B6xfTm^ZVJ?^S)JGY)zrM&4)Wh3nJFf*9i0DiV5mvM)hw
-VFDa%G<N`e(uG_{aIv6^Q?~f2VzNfBD3FNUuoH0tBpBT_6mhfezMPF1r|baAV%GD`_oBX772L$GBiE*RNYqSH8Z1-WTy%}u;hd7
9-f6WmSvIRaG?wKkWOOu^IT(EmBGT6Gp_N2J3iiQNSb{GFPrV6_x0TKS#2E2%q04Hc>2}CP6H_FF%<R~N;?e&a8;+_dWWHXGYlgA
QNr<XAsn8|fRmce;5PTOsX_)s*)FuTofoC>Pfok-H{88ukQ>yDNpkyN+A&`6vrTw2?)MDz)Vq|-^PY?PKir5)s*Ud3D~w>k3$EG)
(_zq0bV1&*rNMZ;*4W{ZpH1YWxx^1v&*<=Y<u~^q_MoS9Puk+{Gh(s9L1TU}G!q6sw_x@)v=knyGZvjTESQl2!#%=g`phi#SgWIT
kNZlYcMa~osL4wW<%TObWX>tn7$Y>(p&I`h5cO!@4816dKlzp(oqhch+&?Qh7v`O%L$4-OIHmI2V61n`HZHHS=XrfGJTtG{&^JpI
^lfvgUv|z7MkhS8UI8Gl(=bpf@2G%_NZl4VG18+jgLGz*t}JpqQdpV`&u7AxRN?0_1thwF#8FR86{fE)B0uS&HrSC#3L=E=aKS%Z
NDCLLql6Z`nTfLXqLlGTt%IQ+L&rzCA%M<4C9jDuCc^}{jrKI{V{sw;Oi#pje(Pcye>Ym*VMypOAk_Z)CiqCM$2E`GLek@gV$hO!
=B-D4rC<k^+c@U&a>MyqZRjLg2{S$#n7biH*qBa4;lisKU51D*LpX)ya_n~KKYiVFQ6IDwc6gkH|GNqH(SA*t-4Z24WRYyD*!7tK
X+n^^FIotgO{c=RT-NHoi_#)rc;0Y&(5T-T4D&zicUxfyn}gTGBDkIn{l%WexNGj-400+$D8R)q|0A?@HbPg)Qt}Y0L;;?{PPhsC
&P7Mz6;Dbpe$x~<Z&$2PlA#aD))&;^>ffWr^&}`&D0%+?oh1YUPSQ*0^`s$H=$)|`B8sdlB;iFQ*ZpD^`TIZqzT?>?SyZDn86-PQ
=nogNBZV~{zuNsF>kwb5%fVC;HhGbu*pNq1?W@1s(rH-HWtb98_l|AX4ei$ruT=`$1pU_6cfgEHQkh8}**@z~q=2fBf2455!|(fn
tDrIh2J@{6fF<Dqx*96vLOT0nN>_bRDtT{<gI+u82amn~a>FdKf3B}*VvMkYwy|suLfg{FiW&?+(9hQAkR_=?K&r4`zMM`XaLkMy
9#?00?s~8C{dkWAj}I4R!k$bBB2$H^RH1D~`;29&0=wTtbARm(6~K2I_!=?9c=Psym*#o@Gt@K0Qw;Dl_<DxM2!ZKDpE9Qa?V3}T
LG4XW>^3fdB`{)>@j|7sr^9gKy5VT0T-7Gweeq&eHSWnE4~KX(d9=@5KL-@dZk+k?szTyRSJYYSaGFQDM>-o6H5VlxU+8E|_|Z-%
nsvhS_aUC4p6PRP<_P&|q&!Tx^tT%0n%|vzdFMa(VBixfBxI5H4|;Rq$?r$Z3Y{G?dmT=PUJ*ibn7|u2dQl2?+<@t&pgH(7JOx+b
-LMs2m|LGgf}#XbaM=yVB+{vnf+%zjr_V(-@DlgNiKn0_oT)N?t*6ddh;j-Eb-sBYN5dUO1camt2Rx{TsYT?8ONC^@^;DtT<LnIJ
4eMu=<&dIWa{T=+kL?}@Jm!S4S+ee;6!1xxo1@Lc*!*X`pF(F`0jPR8w$t#nt6BO5*`zm%tpp1^4tZR7hFpB|<eWnui$7vc<SThO
=)&WEF#LTlL5T6(;`w!iGG3$oGk-ITt2Hivt~wLu>XgwN`pFdsGWb*fn-{1Pj<|xOGTrUaO`QRNVm{;@I(M@l>=e&@eB+}{o(1!+
eB1zw=Pa5lRL}8-MJW8Eb*o8Fny_7@wcCBAct;L@_kuZjo|&FPo+k?N%=+Nq%>EA^-8ZuyHhS#$X!Pir*_Z{-oyDnPLZe60tkWJ1
Gb?6Q&RT_Y#i|$q)kO+>BZYG^K$m5NN;61F1~K+T3dbS@gn}Z42j|3-bl44DT7@0rTRTF8T1c*k3Gwi!Xv=%RBRG@z(;+c&1^Y%Y
1A{4G5lOBxen`W<qed$9k?m57r=7%W))=3ke|(dSeIVbHHh;WH*^`ElUEc8Ir{_sdoIp3FMP$pMP3eg=axg|XL!Mk7!Jn)14Hw$7
pg@lD*@L#WyWE&HXhv09tTrOFcvf13kQ*%kx|2Maz&ho8hq$B6m{MVUHA`7|3z1f>Wwr5V&(A+tDYN+(dVLf(i*6UAqJ@sn=uYu^
oTYX`xv_hf!I7G~D`oROvCp$MR-iV;zsDcbt)ZX@ytCYx;aK4P)I^am0-jd3eo3%tsJ&nItjlzQI`_|Qv1E6`P5G{@Hq!0fQ$f)}
#r*vX;BdX<TPEA=)?RueHIrPNl?v;lgoY?#Qi0l74BhO2D@t<~`*9YTm9n-c>z=D`pM5$~SbQF{%~mP5U|6Skq0AUU8Jtt<YXV!F
p$u+>Uc{Sh_$biRC|EXHZEm313pRN{T|f+387<%#VK{Y`RLU7-Z-h{jAZ%Cwy}HC9DI=<lRy(FOzd64HY8#|RxRcx1yHh+;W(=z^
UUF<^-%8nfe}r2+i^(3!EGk^sk_A!tdHlbveE-qcAs#3*?khL0a?Gf&iaPFg82?PA=H%2`7t~#%O0LmfuaMb><veV$+OYJ@!FjX&
=PX2YR0qZgop?AKF>`mo>##%Fb#&r@IDzjuI^j8G&#_wArR_Poq1}$7BT5K~5(1)x!;wOLq|gZIt|47g+6$~Oo^dSoxbsxS=%)^x
#Rnq=wkud1FWjt7LzW&TgbSA~%mFxU?}0m38~^(J{KFNpgY7^iz4B$=NSWkk!3$?`nAWIqwL{C)RmcvO^~MOHI+c`tFE<zF4(oj7
6>@;5^^&|1`bG))IGtXLMGM6V!&Yvfy^@Af(FMBVrX!y?!G67Mg!Zd#^X%XV;bfHXU=ib--YI&O8yzzbqt>sYYv!dWBG3*9{pjL{
N2TGU@vkz{)iKc%p}pTL;7*y;DR!3)!M=01Q7Cf-%VJ2u@JdqG%lhQTN2vcJZ58~Gt$|zT`l`|_sW6I7_Ompvno=Qai(vWOBXC_d
e26Z3`y&O9nFTl?RzSxigeJaZ_(OGJ>p~S_bUCYmnahMcWz9-CVKBNFFF<1iV$h$%uNZ@nBW&p`zghcdwau3OVJI9U7zJQ38r&mh
Khv_CGh170RN1z-8Qfdn4V|~N(V!O8&ueTjXhjR)sXwcWrcIrOcjqVXHa`4gH6AyY`ExPvG~U7C(U}2M4zD>YVGg~FJ5*ylUSp&%
v(AWjK>YF`&O2+3cqtr&KHtok?t#YZkim8izhb-y9bxy+S~~0CET1`Y3T<?Z2wdE=XFqmfw{gmJH6E@t7Q$=0jAQ?(#;vV}z`y#@
StzmEuHm|7MH?66UFtdIgJrW0&q|)N8*YPlQcs)x{F4jkV4cBOJ*yphzQ1m_@qwSI@t~QFZ;f%xLxZ$xZ8z-ybC6s90XzKKV8d8o
)ITEX2g(QAVq=YQWVmMQju@DE;Df`n4$N7A`r+l-5AXUYtI;s|*J|8XYuqsJg3{?1+YN``!QaEK_*;Lh*lnEj8#UIL8DDNQbhrSw
#jc0nnfnGM0khRe+s=Vrii1_w7z3dXT8w;<H$6TcUgY2HRcd878|Vz-s+v0egF{s2^>bFwuKM5@Gj`GJ=YRQf%WP)t?X&OpsWKYh
R^w(f-zDt^_pR>^YHkR0PrG5Wm4A1Av_=^QA>4Q$7$YDB{tVEO1_z;vW*zz9=&Z&$@@2XW<*rt{g7_y2_%Or)2!}3*n5gj${9ALH
;6(Ua{3D*4Mvos@m0054^e9b*I5Z97UvbRlRK_ow=3l|(G`%GiTG8*Lxka?>n>=+uEjvulemwmu&!1Wj12Q4KRPe$y=SB}#yd53M
fJvEfTI^dDFS4_eou2|@5hbXFbYjO_Aoj)4Z*5`(2Qc<pB;ccdLJF+#7jU_+fcHVX9r|R#t(nj>1?FMA1f{?<Smq}*`wMR$%76)(
uo2<!;&_PHQToG+X+5ammtnkxqB<7}cmi%&$O}_ozn_4&Q*<qDY5_gEXgb1Q=<*Xv{RKam0`oBqD<OU_1t!A{e!_8ofz^rg6Q2Jx
1$y}lsm(aC87KG&jTtZ|6Z+6P@d*DKzsM@$g$PTy94lps@9cgH?}gO!@5Vtm1r}1ZihP+ot5u2<2(O`1?9;fd`*YG;cq7C=$J22k
#61v4Q2t&7$KXY8?Rl}cnZ1YPRn+4zg!<FT{WqwU)@EI>A1Mq12&?o{><yLt5s2wlEEoH{wf9Au&B%mxwBt5ITnByL0<{cRPo?Ui
Qc>gvYQN*G13ozICuI8z)aYASmrD3E3fC<X7H5*C7n7TDDkXexjlXc+UzoNx14d*ryAd1(u{%Bh@e#_d)lXRCClvV!&*FGWokS0e
-&2UMQH#ET*HYAadW8843OW|!*|>_<Euz?m@z;38u*FQna%zUz3e^!RZ=6<T7v)sm#CqhcpV0B<iA<8<FP!ifs3c4LghPG;%~G}p
k&<lk7gA`ASGK*`^5W_Y*hG0#vgi8|-iQulz_?6UMT<#MGhWk-gJ{WKj9bwaKcUl4AUPRuWd>|n%v~uh17<4>PST@|8E&z#JOgHC
Kt6Q5GN7-LtfggVX*ab&90%_?mH-oL4BoYdH%ESY>&;PDxjm=1Zl&qBZbkaHl(^}LIQ^#p{P-n$c|GlU{x$4(zemAi-*)gTk=?tb
W3wygyg4ighYUVEB+b-B3IjON6T>p{;xtol-r|tpeFk1NXaCAmK!JcL=Z%lPrP*RR{E<2BC?@Wg0CL&bC^;xwwqIH~sDPY<J7zYv
iW2~Mwy#0jG4ooh_{4QJQO?eLTg7{6BECUlr!x)GH<vU>;Cp2a63qhTw5UP)Zcu}CpkDHCkb)behz6;mLBbE5<he&SHb~1Fq%e-8
X<Wf8DOJ1cr5p7eg~!#|mG#z3)9A^EqMv;l`*PwRp82lB-wWn0)D8KN%5^CXMm9-{k4Z(itXaYvo23eRN^O#G***y$td};?Y-O{w
g`TpTq<#z%gdNQi5b#DlK7dxDe16OTfAxb`;ZC>%zUv2D+3cpH6PS)JZ-?M<ICdA@4JTrpP%QznL?56}i;(-_sdCzq074E+-A5(t
e@r@*D3`(P6nRyWJazumsVNn#omNR{q(j_ER-!zyoq%_J;91_*J3g?Ta%S9<8l_eH7=89WX$?=T*e4b8L`1Ff^Sy8(LI@Wg1PS_j
s?EM;sa|PkBX6f&T7mq8M7oUN6(~T!s2Qz5ONCg7PZIFXrzdHHO9cR;A#Nsbf7+}zyL-RJrHFG0(eHrZjZY85YFGsiz=QMxVh=rv
8l@v#mV^7GT|BXsLbQV?8+J)C`W(uIg~goBc_|$wi;sSiDWoI17{@~)1U>!K(*p;kHeTh_KIxdo?+j0L?v>_T;;G`@(pi@^Dm#D9
?lNV!N6aOh*=Lkd`eCV7rBJMVol=11^b&Frp~Z_2(SBNv!NY)zjT17GXlG5mN_*>Sv$Th2Vk#t@;*z;v@}eF(u#ef7HjXcHX>j&#
sZyurK?$sfU?17U>n)-6QeD=F`iSF_!uC96yRk{?pw!p*sXw!9p_!BWq#W1?Cj;FjVss1CuT#bCEN9~S>z1O`#7h9ph$VW-VSWx3
pD9L9Z-gEp*oQ8lBK}hte1qykU93#4-^1&Nh-1I@bQ%1Z!V-uV!cIt2&piD?5d8G%4Q#9SQ3$WN^B@(e1a5-&k_jM8C{&r8SD5Hh
smEYHcoAQMPw&DaxU+|vc$-)bmq1!M<*>9xt#F-J2-BsbG?b3Qg-_1X3;Rd`FNROArC03Tn3C^5C@t5e>efSloSZ}l!qlm|&9$P5
TP6voP6@U%&V7fZO$tdXCyCMdpiC0hC@s=8xM-fVlNTjXA=imX^h)3cNk!3=#oxChg++x*c#spOQbOhc(E_5IO-fO4P%4D%8QKit
luNwg<fWW6Qzd0bEOkA4N*0&UT|^{|f~k#CR|1u-I7wcmTdf1jxKjr1mIfpc%F_vSJf6bG66N`&$#SA9M3Krl33ZD{NfPQ8W`cLx
Nf^C)4r7BmOP8(dlD4`mWr8G?G2*o@VK5rSAj|RN1{es{(^7GaOFN-wn$B&Ms(8~onTw_2biAjYWp~$00lFnRWf*SVEqUueJx|wB
xI-JKhfoaxRRmNL);Kjo443sWb=QAN7l9TD;C=MftvCX;2{RBrk0O|7Tt(CB;9^K8lj)T>h^7|NgX+S5fr>iFW<{B)Q^PpF?Z>6i
MkxS>(OF0D`p!ulMn@~y3-`fJ#Bku(bvOhrfVD!M0CrR1yaa^<3xTTng3tj$_fw2sZ^uC>SO8Cz)AJ`F6h5{U{*(5890`VxZHAxC
|7=C0v?W2F-?vM`n|DjTI*Wl^*kjjQ$@(OD{?xVH(kVJ2kPfgwL`U2L0nn<4IQ71LR(75D+Bc}laB+jQ9+kzjv3;?OP65r5&oQa}
hy)7hR8debWzbW4y_8H(l?~Fa1}WE!TSHH)X~(ea;VNmXRExj~vejh+HQ7=(T<-Fh%mY#(+7hphLM|JflQtccmY_94Hof4<7t$&G
5QM`AO5w+}52h58Q20PG{M#pgOK6l%@NPd&A<E&&%z7!CYWssMI<+qp>ZJ8lgQ9&>2|b;sZn__$C!Pe4e;Yqew^Z-`MftV-AJpaZ
7yrXx#*oi6t;Uam@2I=6C&2ffdK!Sq_n3^}A@J}w*y9RcQOF)2Z>jRQb^ZJ9zwdr<?^o@fa<~?5{rmq{UmK$FDPJFi8hhOSf&8YK
&Gx7Y_5=9tzihV0r_D^)P?0mcuPe`ZC7jfh_nYZI)B4#1VtzQ?@=V!!!daKvy{HSY?^V_0GLIk+2W&vojOH2I^UX8%X~``!w$8X&
qjt|jG`=6up~!x|X{e6NdcRB6Z-tpA_Wd~RrDsdu4}9N|jHlmYT;Ef3d)}+jk`?bIs%?Vv$2ICT@2%C!Yc=H2<Mtx4H_m;mrvJ*G
KmY4>dJ1^YMyZjX5<=mDeiGGBj#3{w!2PJ1!z`E$*<pFk-4`mywCx=E=`*C9CGz1)==sB9==qUG`p%!zU^*@O;}a1U#}wx`{#<QV
1RX0CwZxu&;sU0)0p;@K8SvcXdw`ok;iB$Q6+tLJJ4<+eL|gpzD`r*x`2Xhr^V5&5-cRrhc$(E2yB^^N2;9E{#)>6yKLl>S6v(50
Gb_Y(`KOIzyz^&z3ZP3i0_bPYDG$t0P76^Kw3aCw+Pq|8JuHTU{fobJ4;aRpg?dh@^uY+U16ImWQRX?&&K+EWs#N?<YvBI-M8G3r
d4jPp=B~$q<!v5}-`Ll!8_$GRTKxSV;FG^OdTK~f15E$Ex&7}erAF=D9}c(;@vNxA>(w8<3r@kmJ7kv!S3rA?Y~8crrx3AMtEMXj
(|<bsr_a0|0mESkM;O9k1pMJo&5uE8jf}hVgW=w4;aF%ytRKZf=<%;lc~W`sXU{bfJM<H-;JQ`WB`rO`6Z&0Re%wWT-gRV;)vkk|
|0%ZKM0|51z3X66@^1FPFB`qf;lnFOE9BjDS$xF?Gk@s57%HG^qiojFyA6;(2=}7nSFa$|Z}-?u0fPsw-RM^m;xzCh+et~^h(W|H
b>suUb{+RaL8ImKAozxz^LHcu4w4m+jVWzhjX3=J6*><yJBVJN%QuN`o;m$2Mn4#iR<zhXbm&H{pRc5wtKtiihq@_w_p2}2Q2ylQ
>0kevo5Ag|AJ7k7g(lyl%?NAiq|vGI7I5$`o7n>sxj*Pd#XE-aWs}!Sqk6plzWc4H#lH2o{*nOY8Mjra6td~=htD$yceB|uASAv?
6}0tq-W44eKIfzS2t7tSi2U+rzf6FyCBh`gUbvbBS;}%G*yIOOj0Q8I*pB(wwa~Z>j!l7g*y5F=4qiZS>0ERIaRpDZefM1!H#@Xe
H}wZ2kH99&S+x6Dx{bZ)XUQO^9(xCS_*0n!zG_z%zKU2q%loqZuK!-$H`s*-P1D(fwZk5M)J<sJXzsEHAEI2pHr%3U7Vomo!9-_r
=*TyFD4UOi=;7WyyF(n^JkCPbx{-Kd*iEOZh8EHW+o5vQwvvmmx|OVNC1dF+2j;>ShAe6)>spBy`tHScQrJ!|!&9forB>3=PSW7g
)5Hf|hEb<UNgFxePMTnSE9rx!tpu!VCk3>o20LMStNFYEww)rTa`q@{E$lx<>RL%&JKdnu^B#DlmBh6XDtr|LO|4{eD_L`jq_UFk
Q)G85iEJg0(-YghPJ2GTow)V2k>}Z6hN*r~cneGkg3}JPk+^oU2{yKp<89<v8zHIfWKApCc$$Fwz@4h+u?OARbuGgA@cv&P=XWY}
F4Q&sA$#xfuhRIi$b|KDTlTsRbe$sQr$`(Gzf?TsaZwV13($=NWlRz3xzVwB)N?}n=@HDmAI=?o8{5w5x`p8vo*`XW3qBC|!jZm<
B~PV%8~oW(@w32cWt*hTB5sd<lXFz2^1H{~X&Hj-QEk_|%F0GOy|Ncl-R1ag3?O8q9h*Ti{)EpS>X%2fAHTz10rhSBg{Xi12*qJ@
jxw(xBfGGp+8D-pZ&hnAhA&mYYWTuqAHVR}gAcy)w-;V~;c*5Yp<O!d(O=wqk~;CU$3LRr;rD0EVnV(DSN3;Gt?-#gXRyz+-*{sM
eCCk}3*fU)ef;--JoEjx$NlXo)4dNSK=A0}e|q~{Q~vP86z0W`f(O5=+&eKE@1e{4gAd*P6)MWzfZ!(M2-IjPB`L>A@^L5pazghp
mbhiJ^s8UqmYBX-0?zOs3g`qrX}{uZ!CN&{p^~T^v?#sy>X$-&^J@v4ZqG}@+FgdbY+&m{FuUzSlsjkU+gRw2|Icz?P`O1ufnEtc
`<(hK1zMHvhuQsazFLIAXc$9}T=)t3?QbN$GUxA?yrCETavY~_+lvrG5^P*|DG40BB%i@&9d5eVGl&k*@z|QDANE&r7m#rPfnL<7
$bJP~wJ1@As#&H3bq=9e4$4I!97T*uZ}ttj<C5htRVi5m?}|}r*cW=YV8D#q{Z7i{g`#uXb%t9B`NR8S+BN)T(6R)+_`>Ioo12VH
UN9b)L9YTavrsI9hke;2J;#d0$`a{>7mTJw3k$?tR&>x8p7w&_6ysMQuC!n%@%9plCPHaZK!LcL747$h*Sz3Diis`|%ZJ0z>J24Q
hZppsMezmVW>(bT3p;qxeqO}i@K7LbWkstYD1)bXxiz`~R={T4TD`P5xj@{`igky1nKi2JRxu#i8>V<e1+u=_#T(5nk-&0qnCcBP
ykVvWL7F#A_l8?INqUK-P$-Zs6W%a^CStu|96d#Q!x(Qk6a*mL8%FSI%e-Nbw`HR4^@4rc{o+er@UoI_^MdWxcaaZx!Gm7V8uH8W
reQBXOKI^UFW9kO99S<M`mBX|M)4@lZN=i&(VWi}i#tbizEmt$4?f$fu+R(oQqSWM057_Auvq2NXO}-?2e|Or#m~$&j(m2MW)6II
P(cMp53v|+WCg+VY0q9RlFSJ+0)(>E)go!6=RpmW%`czN4)&es{NnkbaDEa0E+>EfN_NhgpFJOB%+F-$<?~bLgXH-sgTL!xNc)1w
s8O%4*AoS>0S1(cOG?G~QgQPd@f|AgfSw}#N=5%tF;+nWZ&!+1R4Ohm6{9(-Pge$)>#kgNz1q);7M6;>rD7y6`YY~Z417w(1*Kv*
N4<~RT_WIK6akfdn7#~d;5%kt*D@H&aUm49N!vw-xK@Y@gkW9}L<{z?f+hMTa0glfmvM9;MelV9qxF~a{1Tqu(qr&lXe`l%P<#N#
@98xhTx2YRwJspcb&YtP_;K`NN`4Bha|>}@C0-?qIL?>i%3&GPhUON~+%6XoNICg%gtuDk#d8BLWpJCzVp`f?!Y$&$N~z+FC3Lb9
yE*cPi&CYF=Q?RF(${#j$Izn>7x$A6j=fH?>s>$(<$jGL7C}q;s>?F5j%aBMR!e!o>-qq(+KPfTw}zTax~yL$?j)CZ!9}YAa6|7S
ZYAe<!CAFn9V_V3_Y0MzjTf}41r;uU|Keak-z{t;ExhccTDHvvxGtmy?=dJH*~Ck;AP8{_c4M8Wp;pns8R2?GC?HDyxQkX&2nAZA
<&L{h`vsSXAtmB5j#vk2Da9=-5ray^BWjhVE3Vi37<y@m7+4}6;^-AF-#j6t6D4!d#gbkFL6EB@TL`gjmb!&?MamW&;AwwdnM)9r
EmG&NtAUpD>0+^NwWy@`mWZoM#C50u9YTi@_~DO0J!(M8zJ3piLOy6CJ=gG`{_(qobOu3T2yCD<l_(x1ph$%2?tdu)K`0R=A;55y
Di+0|a0FZf5m<=aqtHSm4L~ui6gzi=&fpBr@ZS&`A^!^O_rrW^Eg{RbTW}WNp&)EQ5n<4`_}0Y^OH88^@?LvH<stOh^V2?8%u(+e
e$P>ZMnxr8{WyZh6BlBl2m9lBBe|dG6Dvl0U*%p0Z=ePa|C2N+ZP?Xe)Z4?vi9;4$wR?T|z4qU^-#5&4F1}4)AeiGQ_3}C<{QJg;
-eDJ5zExY>G`uidMtbw^R{r?rz&D4y<#MxIu^Y3koo#4hM}NTu9RGu|8eaI%O=tn*fHT}e7(48jEUVNX2##jvLqH@Ix?7&kw%yuK
?Q&fmuSDZ8p=l+L%+IeQjmif)QsAs(ed}F^HI`Kv{C{()BijD&{K~M!Bl&HDX8ESsPUm)pe{DDc!72FfZuHCW&q`HahMNIh4?9PI
GdP1Yj4UMNK$}Z(_1EI;H#5(CA3XImkHDOIn!V!Vi6@_Ul09Tn(GHykbcW9#0*~s-+{)lloabYV^D%~^GPo0N@G=hc8;;@}A7fy@
A%P^41QMSl#w3YZsp9b!ViD|>69_G>YmpXbiN44y!?e9y-qbDkq?&qDO?|1R9Q_J6jCUE!U|OuWB1>$`5!-Xbb#4`2#sveEwU>{v
dB9Kxdko1-jhjzM$Fs#eeSzDB6=GqRTp49Lk|6F+5RbuwuncaAFr{|Lfx<F$4Q6%9U^8#3wM#zTB?FXlLp}pnb;^e$OxebTdEy@E
3kxX~2uw4DrkS>O$k*}VY_X7P8JZv-OccvtWTdIML*BPS3`Fr6ri)R!)3G`bn90b`Mwre-m?F|lk!hxV9rE4|`EZXM4qwJzI51BP
K{*+wxHJ<8Lm(@|w6RN0ydk%D%ZpA(i<_k%R#17CMC$^gb^D@pd!uy4H{^d@&KARS#I^ysAi-1yOOnJR9rCG8xusLi?vdM0N~>EW
KSFbL-SWX~aoY;9se{VCBFz+^EiUVkX#%7feG<g%T(N>QNo6p_1)NASUF?)EbjnAgOvhkvgo#om@b6&K+>;|snZ0sGFMIT3ZJKE<
T7wd^#iVR;O`2(Ev~EYVt{}}+n<=*R%5_n?+9+Lmq$!}^5FM=xiq?618M&42rfRK@*6ltab$2tBOg_;jacj4{h35LAOubR2h)y}2
8M(7pJ|aYS%Bfwl4@{((q-fpYCaJ4SPU@8XVOE!nR&>dEUGm8^lOK1qjAW7a9y*$4N~HOd_*|?>qPtjJ+9kiz2vbNbF6oksI^|X}
W^0z%lx8{{tveH~1J~0`*V0TBf-7mJkQm+WKEt6%mR~idQo7=8TzgD9B}iw4vQBwpk6fHBo-u?*G1faf<z1a}87U=oopLP|aY?$V
eu;6#fZ-VQH?GeWdz+-S{f326CXm!i``WKZZta#&cgrE^rqFZ~h)6e;BCsdZv^&$Z1{Kq*=QU_~j(CN3Sg(8x7sK_iqf3sVl+o!X
yt7-b>XwW8<dQxaqtil|w|h^vm_|!8(@hr)e*K0UON<-QiA)pCXHYcAO*aLPNsAUcbHy^W+%45DI#&#(h6ek4<m+%(pB&RAUxXLn
0uq-ku1hx+q?@9%#F#7*6w>O&>870smt`_bY)CidcF8$ia(TLGeU9kYEWHyMqdVU#Zy;eS#N7xl%`$<`9=W4O9_W=LVJ~XylDFTG
cioUtd6yiA<MDA6-9rb})-IVkGxhHn*my(Ue?tz1o4VxUUb%!imOzf*pmy3p>-Njr`sK~Na%Q&JMupkjBVR!YD@2gI#CSQ-cwm|F
p@p%!xL93mtS+Tre!mJ)vx-4|a>ofNG*%}h#p=>xbt`-2{9c)2Bm3m`F1e*kmX3GHO<i&`AL2x4?UhgW%DMe=bEXLD(4Ks8X}5g2
OTKVS@`}|}_Q^F_;v%=jZr8HK_07`CCB}72j0H=K-C1H!mbf2P<%_}HvVVrD*0l__%bV`l6eC`0l1jS`$q}Z`Zn+o6;BFY%E$fqd
<W9IaTfCGZh7ZWbs0>pDt#Y8>P_WFHMTf?=enVV~R4WABkeA$$DFi7QrY)4DrQcBAEM4o7LvF}RZ^)Tkqk}#2Z*zL(CDf^U<@Q)Q
{14$x5vH0xITV-BA>i99FY1*M9qj}1GPnh{!VUfM^?tddUrrg2(=)|w878zl!<1)8jA6BcNyrNEILgU3CH2WGv&BtW;x4j*3Q?0`
YDP_z(J9n|Kt7dczYOxTO=3*H9NI5u_sd!RazU@`pCFdSm>LGC*ZTCzGIfk-Tu<w-9gx?Nj&7NN6gn%QV058Z4(XA7s3&B{=^C1)
X=S}~>kawD4LQimJwuET@=r?T$E7qFLc027(mWt<g2`0&8}g+aG8TO^O*vGEI(d19X&c6+)B$_t6>)4n2}6roB%gR)SijtcGN4bl
ys=My{RVo-$ICq;)6|kH?#>s%rIq5sZkgukB(^Nm6hsqe(S{r`HJ;Ai@v$Zll4&}N&aI?AorLRgD7uQh`WgMgEb$7wku8R1n!IyN
J~^hoK6wR-#^3IS+o(1R`sEfJPsdhizq}4E?4w3D0k0LJH+9+G0ORs_T?$2<)@|@HZtOP%CyQy_@;+*7_)re(5Yr9Rg}SrFEXtHJ
*@;_Gbq2e8*O(*5qq1XC`7vpK3SG69#)?6i;sV^YQq1p`GY91S0Xm*byJftA_WR*(xjBzk+dzfvmorg@m%Bgh9I{Q=LFbeKd0K9k
=#N4D3h~{w$yDKMi6TZ|VXsUbrhp-Q5=BsuBzDA!XHH6$$0ac5TCZH$FE7a!!ImuXMx59kYg*vt-i`g(I#8Es>JKn(JTB$IvuJUS
Sf6QXphm@^E5wtDVtlfg2ivGRJ^k`ln2;%6$P>?^9|!lz+xuiX`y3sR4-CjBGfg4*T8^oxU)~MBxBR4Z>ZsJ!Eg$!Ce>~62ef5Cs
g;&AeZkdkd5E4xCdS&li(=vQ1PrRHb24UiYz^;6;9VYh6HQw&I8B9UYpJNIekdMIaIbwIFX^FS{<qUB#-jq)TqDx;7>;9%JF?v9*
9+3A8$k)Bxmt=}dFkXt6;Jh4hVZYo+XXA2j_njHy>1?qzTkO@ZNfuYrDP7;E55YN^rVAJZW|^vT#p+yY@s>>S6rDnr({v?uGmw~T
VsDBBo4wq(dASROY-DbEphq@vwp+a20dQ@gtBK$Zb6^wh@0A0++~d96K@FD(h55Kg<4#nM7m$1WGsGx-BG=U8?cU8Q?#nXOXPMaj
RS?oE2lUG1u#fu@A9qmT<GwaSypk<m%@$A78M!^nlz>Ze#ieiqb(8V|c?CY_<4*l92d0ae8Dbp9r&o%H5#36}=Th6Wt`tEuj=}MP
M&AJAwJcMmxBJ`q1oe@>bqULR<)i&_J}MQ;gd(^Gu7!ngG2V)H3CX>3Se_{wgT3kE@&)dlv}LefUk0Q54NZwU5a;6_5l?+LD@Lpk
Kq1WPmE-bE$rxk>7^@O>lsp|L=b7+!ANL(T?gLq-9qHoEbg@6n6zJ{#X+2)wD^oYP4t;aQ416flRP5!RN^R|zD;6+QN9Ky*$OkSu
E+zFFs**)-(u_`0^>A9A>Aa7-4{7U{sRwrV%V=@7DL=rtwMD8I<49(f=$9?}XN#*csr%3dmr;?o#EWOV+_(11J9=dSH2Am|!bEEF
;ye?`!MRjq9FT3Q^LF3s?M`u7I2(gwx#C%P0X3s5umv~Z2ZORjzZ~%*jLQ<2Wt+n2V1XN8QJ$EK*X4@)V55(FkB|E`7??#di&lt@
sDKSwke??u^~#&`Osg<BlOtBZ6?tN#Yke}?Pk|_J_egK|75#KJyn)Z>itBIzW(Qb<S7W>_&$OCN19UFfnP<w!D{(%K%r-@3n<zZE
!2Q4icW)o}-8teaN=?}(=80Xsa!fXx1WR!VKF7Olt(SXTo>+o|vrS~{fZU3oyq-m~rFd1g*qJUa%oOY4;Vf|@K9FZhpmob}8Sc*z
2QtLyY!hQf8#|h3I+DjS3d$NTqoXxXtj1s$-i<*{u6Qz2+==(D6!)zZ^XQf%K)RkQZpZA=f=e_@2hTWq5CFDx%5LYx{i1Fm1d}G{
kV)r;r|HIGVKUvm&~2cb_^4?L0{U^_AYF0V=#B&E+>9d8i)2CrI)KJL<_5?FqSt|GL=T9YP6voCQ+IbTSwilJl*E0aIL!@=(=A0k
5SfmlIt1>^?vydz(CJNosm1Q#FrqCj?~>g`H-yHy5nwvmEw|A91_6`UTT*m%5~UlL3pZpPVs8u}Vp6x9MW<)H2D1m=0dfa-Pe9m6
fZ=gHaJ$hXd-cjjAR0wofwWE%k!W<Ilf@D-R;+B3o!5@e;0(^-49?&T&fpBr;0(^-49?&T&fpBr;0(^-49?&T&fpBr;0(^-4F7in
L^NQG2_b?Yh?34l@9JhS%I;&v-ZAd;ggb9Fn6xln4HG6#y6f(*Oupyduikh617Dl+^#>n%_#2OW^U-fT_U&(f`|-!W^PMN2{O<Rj
dit5~Kl|KsQ>Xr5+VemB(F-rW_~Re{_@$R#`pHjTetG)z=|BD1&wuehzx>s&UwQSl-~9G>zkmII-}u8H|KFQ$z5S<m{`~G={`%hg
GdyN~Fl+Xl59fM*^wGSJKl$6={{D|o|2h9N_SQrnxPbpz3wsH*AM}Up6_f0(f6HJHWUrlMe+kC^?1TN?7<++aER2Kk>dWGjVG3k#
4P<{4k^wXMAGfgAceB4aV1Hh-3a;iqhgk;;U?D8xk^PrT2`q&hMi@7aI+oq0SpGR;1+0Xd;AXf5ZiU<6cDMuX<bPqvUdhbfz*r0G
Ap6&qde{IP;eP(_g@@o_cmy7W$KY|;1e@UrcoMe2Q}8rw<!?$q1JA;9@I1T#FTzXkGQ0w>!fWt4?0}uH3*La;um|?SJ{tSs0QBPj
M7;nlM80SdT8#XVKMEL8T%sNdTx!k*@?)7fH8O4^rTb6BKorDdusMdPk-cY!y;(Eh3mP@e9O<TL7m1>1jJAp~JZjijyL>o`8-)2+
<sx|eGFshY^BDDy6d8<H&*3)MaGSqdRE`9c_$9VZw3V)kHz<dePWVFVJ~F*6G2EQ`GV7Z}^$h>7)o&y^B!8i$Px`O5{z#<%Zyp&p
mtT`T(2mMJGHOPj!e0T%{>?Z8Wuh#Ujo2#!^Uw<ZXWgsNYP5#NwTQh+un-lY^{5z?pi;B}ZA4|L997U&r;;9<Xxxmppslp`xAC<o
3T;=*SSf=RJwnYeNKI?Fk;t7wW!Zps(6w!wLn{S2+<y(`w3G5$PBqS_{C1(;sETq-Le=!xL*-7Qxp*q|HdJFHdw^Nuo429JTT3NY
+Nh&)@1>Gg(6|rP)0jkgC-By^_M%XOowXeKz|GpU^sIG{uIBx?3pMhd+>Z{Jd$Wwnb&x-FXy0CnYE#D3T6^nW9I0%I%?qgBhp2{!
X=Iu*8`Ru_riw2t=Q=9(U5}1X-tp9)M`_$<Ctbj(J&jp0o7+w4y*hM^+Uhv%LFVO6^k}ASouJ3ILEaHM%(cKsdX2SulJ=MNm^(;Y
s^peqR;yI~B-pOiP`kbf9HGCkHWh9GHe5z(spYi(F4_ZZY%-s2p)#JZ^6eA!oWSEqu9t4s4jW6S_-Hz<dJ$`-m8RObN7?s%s5&zY
w$kY2ut>pXp(L&o>x*_8lc?9loAr&SIVGLI`%QrXgZyJO7EYzQD`WVGI+r9+eG|AZB%w2^g$IvPN2$@S5w<glvM!vZ(wsx*(FMLf
Ttt_szg|}7mMf~?UPaf?b;SN`qKnToY^A8=^WM-aU8sY+{d|)$O4}9C7PoPKRA$^Z8kKXx5VDM9{Dj!e)uZvCe6=T)(S3^cCY!xl
&<)y?)~ngjJvp4^MrN7isGE=c9<x`m{|u?;v7dWv8};lq?&EA7A8;_&S+C=x^=WN(-9TI2%PkN^SBFh>?6j-<h^Qg`Vl?AMnNwG)
o_i8`VQ;MYFPme1uw#E+fZ58}#z*ep6))6*hYp^NN8=UiXq#+?Ux>HyR-=Y!Yox1VD%E=>xA6w<{grfwGg@C|wV6zg=k4KZTO?rf
7F)|U+=8cQ`!u$;L=7=BD7pNb?xKT+89z}&jHTg5oJCS!ya?|^i}6s=kH!?*EB-hDFTqQ3AYO)pa4-(Rp*ReO;|Lr{V-#l3gT`X^
1b+ff#7Q_Ar{Lu{6{q2JoPoEaOw68w+>Thxq-S5O#gVliPkH5FUu;|NW;He0gQ=YHI2Y%Qii4$frS=LcLq3&aC0>QkP(4=THKWu*
v7)v0qPfj-@mg**_OPaAxpdlAp_%_qG#Xp28ns+Y%r;8GMZA6xvbWXE`2=%~G+V77b$?mgh;b_B*0J`dLh3t*km5(9m2I>(iJ*EE
alfmyvBhX~iBN4(!ab*y`^|O~WXEqb9N9<+LZkD!2-VAqR1ZF5C&R6KFB|n6DEE!H443oKUx6!Wk8QH?=FOP>Bi=T=9q-_tZ94;u
TmnV^(bpR}wWZ$_dnsO5LT$Fn!H5`{)pl}k-evBA-MET!%N&&kiae>bW<HnY%q@&g%gBo4Jy(pY@g8&ku~Amzu)k_;W}=a69!Kl4
(OP#4^F5O_n9n7tqiU1YU~P`RB{o9XJd=70c2(w1`xPnz`;IVLc<#mfa6N9ojd(vkfDhtB_%J?#kK$waIBvqtnElyg3qFNU<5t{;
+cEp+y>s|HzJM>{OZYNgPWK)D*dJfPsVD$n#c5~>zJ{;k^(YB<;7%N1vv09(S-D#hJVdEh9x!C>fFX87j<jQ%X__!CG^v@)0cxE9
3YEh#ui?sWw-uQM2V2j&ZO48Rs_x!yZVe`#wMCdT)>cvaaW(btll)4ci}$EvgPYs^FuE~}9fy`Mf!`@eQtufgprLt;4nHzK7;1-Y
>z7P^Un_69xi!MjUfycJpxzm(N4v3Y8za%yy8d3O?E%`yL-lZvT_5+__43VivLC%8Ewdld|DI7~Yt7Lehd)>C|Bi$0Bv@~=zGfKh
tds=st4l4%Y*>$0Iph*_(^fRUQd$Ud*t%_v!Pt?s!D?A%B*tZpL+%!xZq9ckeiAe&7doO^w$YdGE|h57CqXxDk>#V1J@1k9{8_ZY
#%8uX8swn0;bplwcI15<<RGQYmew{7vayo|Yb}Aj9fOAOiJ@c<a+oVYDMLy<5;!{Q&jUZdY$I>OLT!I1HfYfIjgIg)i<U9@`C;g7
=6Cy`<!q0$J)%C>N@TfHJW~3bQz<)zKHQH7IDHTrz+OZ-D`f+Gm%^Yo8Nf>W1H2}KJ{-4zFq&@4V<GV(0p?l^6QDu`6JSMUjc3r8
ETY^N6F)PDe{~E({-mDE<WDqco6~SSk|l)Y*&muOGapN7Tt<R8);eW-D0G2Vxj<r(BADCCp9GT-5`{uZC{gxU);le&b*<$v6%O6L
MdBe+4x>`$xZQBtUYI!*ZiTa!BAiDBYb(!Su7P&)-&A^Jn+qO7Qr3Eem3(2NvC4?}Yppoa&X!i`FRS*4xVvs`d6tf}^FK#k>WD`q
v3O9hBR@ut>JPrtZ>>d;YDq1noHhM5tl|}6L-x8Y$EB(rHLnS?t7%;_nCnO-w{T|lLP->friX^VdGBfcY+b`~e>$!mWTnC2)@&_&
b3H<b@adaLA2x*LhOV{D+~a|RTC$%J9p&ujFWVNPh8mkTayg!HEuLZPI}S(q2qYb9><?$9!SlPNm&0syTV^$KmfCsaNcy85Eme7h
oBM;MLaovozc4=AjAT66OBbg4^ir#l>3IGgiKVo%7%NW-*JK+s=f<i$Vo4l{Czg8`tc<OOj@INT6i9A1BWnB;_)Hq)&>m69dN#MW
f#X$dSYH}6$7)(BF_EU~ISf#t7V90<c8vcb#R~P%pfft7Gdkn#ib=$B*kT9MIi|A4Sz`wCu)PClkNZz(9WcaisFTR;Zq2^kk+fr9
dV8h%Z}dWE{J$HcMqC;-s6;uUhAeYNXZ%;pPtG~Z8J+Qqdu?5BbA|n{zlQ(6ZSBub;rJWW?h$;`)s3D0?u@s(GyNj&A(M%6ILeKr
#;xK8-*2tAIvmFo=RWESa&_jsni}Z}6{JGzBM904QpizBki*r^n%Ws}Up)Ldd)XPkoU`5Gf5RLRbX%woJN@<xyGA(UzdL@>pJQ+y
BRibY8J*D?o$-r!pIEyyAEl-f$#P<Q-`;|$Fk`Im=xg{Wt2@hDy;Nd-_rKnXYZ@8p-Fl^-FRnl<Z@L;W8pqEQj;y{tts{On<6~Xd
F^%o73@e5>hAVMg)4Fu%dP8v={VxSZM>Sg7s1f0V)O^$k>fY*;VH&@G<#j~V=b{f9RNr~`&>5Z48J*D?o$-r(2aDa24na%#KT5FN
QZyJhT8f*~+vC#7LTq0*3S|&Sw3%dd?OW#tfBUBJxBq4?$V$q=d%GY9-~8SD-2p>kgGO*S`SyQrsA>0~gg5{0b!e*${Y|TFouJ!f
slk$eUJU~r_+!v89uaht{K#ARPsA*eO_re?l1rANJQ9yqkQS6rY_TgT-WIcptfshJJGvIMhS>AdYFgK8p>Zu)OYs)$I+|}m1tbX-
k|J^g+16Q0){{b7KA4v^k78Q8#0po77?!=u*|t^`T4~28+eR;2uGVQ=nFrg%y0nyRuxn)ll~1Fvq%1TRjAlLC`Ws0ZDJK=Aa>$ZR
gW6;zYp4y@JFK&rYIFl_qBY}Dg@c;R7F(#SYw5AsELRKvmjqUJ16gpa=LYN2g0_-v=A5m?wh!_vCZjE;#D=GqVy#(nJIGF}vLv+2
DrfC6n!n_!J(XwGV_Hi29hLR(8MU-Eo}C^45^M19vg~t1{Z6YM?Y4UQ))}4A8J*D?ozWSc(HZ|cem@rUxoUs0ezE5Km60<#@B2D`
ap#QA=#0+jjLztcU*<TP_b51e=D!=;-XpiiTOT*$^<|3nPTz7yXLLqqbVg@%MrU+JXLLqqbVg@%MrZsI-9dAF)H}%4J1DV!-g>AS
&NrSqqcb|=e_yO3Riv8iAvN@1DNCL~cGU92f@kSE3Tt_a9eZfLN~O?n7J7wijY?T%Rj*pDF?_66>(pAcS!<T4*33hZs>V!HZAEKc
yH2fJXH{Bbld7?4$yUayAyXE4s?3(Gwc?<(SZAlPCP$UpZk4JtI}}+g?bi%yxpo-))i}_-O6}3XxuIf}jZLf6yrR!u)gP>>tB2&H
d4eOVDzh#2S@llcp#H0J(4)3JRin~aY`@p6Yt=A1R#|bk?h}g*s_lC0cEu_i?P^pwxc_Q~=+#<>{aiK3GF7TK)!6CE%Idh4YB(H9
zADweb?SMrXAN!NYEnN6TU6QDda#XbW3>aXs2+v=Yes+>TF<IsYE;>1P-XT^Z4Rm)!lx~BWZejQy4LJ5ReXl68DfU19b`l6nb>+(
AI_g@hu~c`sMTt_`NLY`>OpgZy~V1B7$c5mf|?OosLnjU)LP9pRfFbm$2wQ3Yh0a!9=5D_b#{3BS!LgCoHrcJh*dWkTU9riMXkNU
qEpSN=DRAJxuwcxwy<AIEuLHFK+eHhR+&9ypSkbt=Zc~I%6gR^O71E<AE<Nad-iiu-4L?criWS~?PoN5ZgqAxsWN+`b?rJEx$QaB
+F7v5YMr!B*&lT_64cqO2g>-Vy6rygjH8bM2%td$FeEUa)RY4<hXLH4APQ*>aJl>DQxN=H14MR_iV<!sI0;!|ov}el*a`*_SgumB
1gByNPG!XlXW&$fl2uZc;G`_UNeMQ`M3smoc$p}eW4v1S|Jyqg_%5n@(a$+&_I>8Bs3>l&B5139EmA}awTMf-x1!#*YFmBneYa|F
TlGGB$x~|*NFX5r5<<wnLjoatLK2dYg`KcNAS6IY!k&dCWFZT@Ip@FR{|^aUtDn}JGym_*nR8}2`~Lq8)(|_Mb8S%$JFFpgqTt#h
9Clbk>}1Kcg*)u9hS;f!YYTJOVGXg<HP;sEu)`W+=L`sEIFMkd{5oTCFc1-myS!$AQXH<ZVj;<4HpFEK4r408VN7By&S47U9H!P&
V;p95jKhpXN|eLYih~G;)(Y})ht>+=Fo)I(&`^iAAM}B3up4Bea^#OTBBvWj!q`WSNqYI$8FnOrkx<LALXAdA4lTgNfE6G(P+5lO
aC(xZ*M1h~u#dwo-b0Q_dfC_KVw~g|7SV(5v%9VbbORDkS<U#EukIqpB)#P8a~sZb91pGJLDEJ>Gl;@2*+Gs;dhu835-UruK#_=~
#PntmfnQurj!AmqSNUQ^m1GD=vR~PZkNN6Wa!k?-zQXrv`gw2;kSvzkjF0*1W^zo@^S;s;Cs}!UGYG}6+(?c|dd}^?a_l`%J^A)q
&Mgh5LQE|@NH~wqAxsLLOk)NIo_5jwbRT_~Im9@sW>Rt6b;GNB)}Uy#7zHEudjC4=$tz%o<t@`NjZ!e{gPqnH&SgEI5Kiv_1@K2s
$EHE*tsUSJx`15Ggq!gAkDnj^*!ag{Kr|=?CEz4DVNnQQKWRPrwJr2!+Q|XBhCWKy)3@K^I1HoVv@X<v2HP<dMLF6t&f^FVod?d+
jmXkWpGN)V)9KUx@@WEy2irk4$b|Kfdg`W}6bY_?-+k!~?yj|>vIm5qDA0r&5ar&ox{)VxKrZkBzTnT7;2e0@-DBE8Jq$->@EB+S
$E-)@f;be5YEcbxM!_wF)G`nO{D8kb5s$g^laCKuo|}*6p(GTKD97U*&BGC%>AL88?`#3BU=P@9#kZBXj9ITwskPjUli0IUpDl#_
;MoG$3szXZX$46z5gv!lunTs=v-BzYX5;>W2PtaeglDI|T?YRB?Fc|!0LdU6S%-_@0$2>IQ7LGJEiecLIK$t=e>ZqZAuNIga1BZH
!Ehk~X9=8mgTX@ZX)S7m?>;?o!bHc#6u$bYw<dlVg3{m?uo>97ii+T1_DO|nVKE_-PN(7ZQ>07bI~u@zIu+uy5f2i;JHIl_`^T*T
1t1(QwVu1&mBif=``@Altb~mD!+%m#59kEL^$sXV-SBN8C=@wqgiSC2211;SKlqTce(OLP`1ZGc^Xt#^tWd%yyRD+<x_RZUu{T#P
6rkrXL2H+ZrjY$rv<W>kd1w#~_0&xS3@)WJP^Oh1<IuY}f^m+braXh~?jLvmxc7cN_^_Kw$a~OUl!sER6k88*W~@b@;WTDF>V8H2
+{?|Sw-=Ka;GdgN2nYj%<)3?AxItE)hj8IQk)5^2X}B9Kg$wC--+N+$+p|VixNOg%a|w?<GO{-kts*E9Q7Pyq^8byl7(dZ1zYj))
TeaeG7K;)P94TF3<;UJu(A#TzT)Vs1=>2pzEkc$a{vMjAukUvn()10}f_t^Pg)X!1;cvy^JWtaUuMXdPXCZyPd!h9*_6A<SUc3bd
jk(iaL&YL~_+Vq<^&;rmNjH;!9(d5IP$0xkWA%|92U+p@PkHB8@BD^`P^SN;l9w7Q^EezwN&)Qf!DqStM(?Gqz&FR<L{TEL>h-KY
|8L6?>}?cDy2$eM%@sCJjK>M-I;rUTB}pc_Zmy+qT#szak~B>7IN?}3mZTsn->P@tR;<G7o(?I1;Y~i!-jwlZncZfhgSTukV%zXq
!*OHjabwvLeM_xmSFwpq60?X|%wU;*KC~~5n>>d=oz;Ze21alWyk#Fb+kPX}DI<6Y-ok5d!Vx2$-F}nJ<+0&6>drf83Vy|#N2+va
Jc1B<=-mPpUUTU+S6*|6$2G&>F<hvO;E-X`1avxV$c+?>hI8VO1Tz>4!@hs0c6jf)b`W}ansR@I`*m)wyvE_4o*wo$g7Ni#H+<T#
ceph_U9H>eO+4JxkGje0ZtCaORvrwsXC_}i3yizpFcp;s!`W%(P%}rW8DksF1Fo#VGZgg5Ri2j&riH=uPYu)1y`geF7Y@ddvn0f`
4pw)4>MJk5^75-c{p%Or;L9S2ySjr^z;d`B?jsz9M+nDY1K}h*K{yRh5zfLhgnrm}4Oid*!5{e{J9Cg*fqd_MJ)i@8@@W#JCT@iu
rRGylKK0~}p0l=mcmYnIW^K8a=97>A?|-d^>Cl~gm<PAO&4lyt9O0sM?M3V83T5cly>NCF+!`-<UZfu^fO-Yo1@$Vp2i{LQY8w8v
TNV%EW@IbYWLsA}m}_0}`m8tK2!acsCw)K*f^A@25NrVt1i=}*EVG$=U>IED8Y<XrJpr@VddObuIOq;ldF^Mf&k7{H=|Mta2wVY|
!<}#k!G8Y^4}V=#&yZ=LTq_#Yd{_zFK^tfXi7*LHTn6zRhMhK`ICeA2E#sM$B;qku)=gE`acBTu^BywaRAohh{S}xQIo8R{JeUh}
2sncBt)s`_uciao3h;1J3&@695M#d~Ye*+;FtfPgZLp{3c;2I>U{X5ph2549SArqA#y#TQ-0=JN$)>*j`wDmvIEHVP_kZzAvSnLl
zsR-PDvvz+$fIFk2^gdgydP$H^litE!e-Vk8)Ok`!9hYDzzv;)?#-MJK6GqV*3+#ng?(!WA;7-NA9Tpucx*M)GW4VcyzSUg_|)2E
f(*g|P(!f4z6K2E<v)L9Z4~+C!}Z{gf3iw}XFq!9!!JI1y%K!%dI!WA(GUFU%?WY|@CWJ_AAQsS{`!TrQTSH{DgkB#SZ`73?z1ng
Lc|+<{E4+$i4J^hB|1Rf)(Squ;GF#VXP<vo0m=c!{-|=`;Xup&^H0b#K4}A=6R3|rnOO+%fEcC-6j~Gvz8JsZqd$81aWJ&{!3Sh#
dB+csaHq&`Mh5tBW|k}9?D3Z2?i*)JlN4ello{#Z{h1kHHApAe?@R|n!#5Em0gUtZL8r8Wx5$pf?96x&2Vw~cWYjMf43^IB2X}9!
JKp|-kCMUjKeo0u>%_jJe*FB*c~*4!5$1z=7JeQf+wB<lU+;*z0!N7EfqcTm3HI%WlN}pHelx$oQD(*dXRgw7s1pavgdt&30!tyL
*fBDi<H+5(48k}Ii#9;HcKtwc?5f}!cr?*YJ5U_ETsW%%<ij_PfTO@pD^SSJHS^tO-D2O(d}HE-*Jt5U`psF_<OE#cI7`7kptf5(
y_K9%eb(Dw7<3*fA=?3kcQ|LYSq^x?UT$HuexjjTEXTdzc=*g0X8dI4Pdr~Z2hN3d)GpxI^#k6qtAJDISmo_=ouCWYX$O3#^~kB6
*6W_@0G9y9o@Xk6Yw^I0soc!xDC!Q|9X4E}TbXR?$Z=x-Mo0v__daXu1D1xm@3HX{$GbH}pj-Q%>VTIZDF!CG+7OhpS|7F;hC@e)
D;@O+hRSnP1Q^Ph9IgUyh(|_VnCaLk@|#IL_amGl@r3?0wVY?|0HLc>;JL<y8nM~=_fpi?@QzXS%~5VMRKuiF_i=ppbTwog<8Mi-
&riG2Qm|oHj8X0r48zSAea&I`KRgxv=?|Xgum6l3UV6cP`s@_kpS3FSNz~Kdw;NeyJei^yRX3TkMho?Cc2rZhUXJ_&6g<?;tmhrM
R31&#*A3je?iS>)?BTxPOUfI3fwk6w`s-&y?BDw}^_zDb`q%!2`q!U2^wXcCel*pgf9gBbcOQ3eISfgX*!CM1C(ll?c0Zi-k62fD
jKo8a6Ux19_s`Q{p+5Qe){38RbaC*+<4=s4cI)-Z4UMT+fBFp$VCtXQ>HqV#Q8lW*$sIZhdd&Sf$5967TZw**%{6Q5nqV57y&tCU
Kn=UfVB`f6gQi255)8E+GLbx_Sh^<fdR*ygH+&YSuAn}2ZAjIjgJ{?w%tjf*Sx|v!o|`#^=UN@1a~hto4##1m!{7kicg=9p2=NsJ
18%hjp$6w+uCcPWx3Qc4@?Q?4|M=Z#wis2T>Kon)!^%FlcNsWKUHc4Zr+u2&KFikOvc!Kaxd_hLE%E=-&f_^rtnAZ(Ev_rif-~SO
IORIG|Ly4nd0H!23sO;+WqT3WC$`8X$3Zi|*#CKP6$HU~uE|~J9Op4m2Wk*rIYNx>)0_47lf#zgFgRpC@mN*hn(KGf2gCmj+<hh0
wJWr)9W|n^iIAHdRQub0!wtAmp65fHOx=W|+-mgezi@DnZ|GkthM4}H#|0e|JZ-b9yx#ahqF1=r_&4vJO#OEJ6sOI^r)MeeO&d43
EdH18IITKo_s+gNyKA;749pJqa$eFsJKJmWFJDw#|7(5ig&B|2_rA)Md-cwKRs6S~f9px--{9|$^y;7eEMIQzXMR7}+Q0JhD=$u0
zW<6X$8yONFT4UL(RVo>GhO-Kbmg9BX3dy<&(B|cX`@%1>xI<S+4H>^yVl2RmDhMYCp~?F&0%X(XFT`nv_)RoUK1Q9PdxsNK1=kN
Hl8_+nK?ypHwpHd@5Ou0EIT!dKKP)?j)irU`$9^54J{8Y&F~8JnmI*I^a}OT6TLQgfd{_#u<5d$G**3L+#@r_J@oMX_qq%xzxFt-
PdaA>t8SCDSMR;s9PhGA_44<6IMr*R*VqYquveAWJ@?+Hi1gSe$2|7p!-MOeEsMKWdhPalWXgL}?s)R4yC1*f(MKMgG6vgCRbRSi
>g#uY>)ZF};+UU&_uDT&eaA!OFPkrk51EEJF44NzaCw+Sg*N$zlka=xUbjFfu#6upu&xvw1~32iPNy9W27~K6^b-KsSJhW~t?;^!
8kcMZfjwsKkf+@Fn&2L^ljt9~hobvnIR)MSZ0A{YxHUUH%a7Yyzc{K!)u<X(|BwTl)UAwrQhz@ejE?pF^N$LTs!=tnM%8UrJ;Rw&
9{+3dENG~I2)B-^Q8lVY)u<X(qiR%rllzE6|2sc)wx7DK)yJc1RE?~%xh!rdxm*sH&*c%;a0S;;#1#_Oa>ayFu7q31m2nkZIakG1
avQky+$L_Li!Iz{ZX36iu$`;sc5*wo-P|s2FSm!=&+X$5a5XM!xr1CCcZfU8)f0|#N4R5L1J}ega>u#mVL8d2Ae`n-ac8+RTr1bY
wR3HR^V~V^B6oqi#C338TqoDVb#uMkWkNsKNATvaa=yF|KbN1w`}2N$ARj<j$OrR_`9*vvAHs+6OZW(W86U+*@-cigAIHb?34A;u
jZfuQ^XYshpTTGIS$r;^L&)dz_%(b1U&I&kYx!cnlrQ1e@nw7kU+$ucuXM42U(aviH}YHf&4g|IR>F3^n%~Lq;CJ)8_`Uodem}pD
Kfu@UwfsT8jz7d7=IaSZ`6K)>zJYJz8~NjWGk=ml!Jp<&5zg{w2(5ezp`CBz&-3T_i~I$`CBB32;yd{szMJpmFZ2C;AAf}(;C%%j
VXiQT;4k<I^M!drpb$U^5*7#xg<xT^u!s;Ugb>1nC4_KcsSqJ76QYDjAx4NM#0jxNf)Fnx35kRhAz4@<EEm#*RAH5{lCWAx7czwm
AzR22a)lfrU&!-djZh#I35CL1p;#ytN(k$OGD3w=E>sDXgbl)a!X{y(utnG`Y!kK$+l6Xjr?A7tZebT;udqkhFYFTz2sJ{ja8Rfd
4he^adf}*WL^vii2u(txa9n5>P6{W4)50mjS>cS(DzpggLL1?{a89@=To5h^9YUATDf9^4La%UH=ok8gE5d-_EBc6Y#W|wC=qJt>
=ZS%0fEXk$5EqKU;$m@;7%GN{Vd4@(xVTh|5SJ06#7IJn7%j$$v0{Q4FD8kJVv3k7t`L`tX<{m2wU{nuiWy?Im?f?e3&bL^(8XG@
SS%Gw#C2ksSRt0Xs1hs14dQxnlekgbB5oG9iCe|(Vzsza+#&83cZqw&J%s(@KJkE9Bi4!s#X9kjcv!3#kBUdcV`78YBsPl2#b)uO
ctSiao)XWBXT(;qMQj(_#Pi}g@uGNva7pYCyTnehN9-o}Ykpd<cv-~si+$o1aX|Ezu8O{rk2F`BBl$~yE&`<hDM(r%EtG<##nK`v
R0@&8q$N^>v`mVUBBdB9T8fim2?<iXlq4leDN-_Fg|u8slTxKs(n@KylrCjUSyHZ)BjrnZF4jl|Qjt_Bt(A(UQmI5*CzVMRQn`yN
snUZD(t5%sX`{47+AM98wo2QjYH6pmL)tCvlJ-h_T<n+jNwv~JsZKg19hHtq$D{_SNotgiOU=?r>4bDzIwhTz&Pc6Ni_|W)N#~_=
(naZlbV=%vx};7*kJK&oN|&X6sZY8h4M^VdRmoTOk>|>DWPjODo-fan!;~dTpd26v$qNVz<zRWSyhsj}L*y`di5xC3l_TV3a+Dk?
$H>uyI5}2MkmKbfIZ;lLljRliayd;-C9INH%B$scIa|(>bLAXDzMMx`BNxa;a-qCdE|yE>5_z3mCRfPia+O>uZ<064Tjb61HhHVO
U9OgQ$~)xU@-BI=yoaz~-X|ZBYvfw_pj;;(k`K%E@=^JSd`xbTo8(6MxZEtClur;&%ctbC@)@~RZjsyNHu=1KPQEB#kT1y{gf6+0
&?9%tz4B$bU+$By$OA6Cm8-I^;-kz}<|zJ(pAx79C_%~s7YmhO!eV8S5~_qKI1Iy;rAm|%sl+JJN}Lj_Bq@o66eU?%p)4n)DXGdT
Wu>xONmnwJ3?*C1QgW3XC11%?ij+cStx~L%DkaJ~rA(<(DwPe&dS#QcQQ4wwR<<cymF-HkvQyci>{fOudzC%Per2C>K&eq`m4iy1
a!5I>)GJ4oBg!$QL1|JNmE%gYa#A^=v??u1yV9ndSI#LHl?#MRN{7;=bSgbcx6-RzR{E7b!WCse@m8-Ad{rOSU-eVxtMk-AH9!qg
7pM!>V0E#&NDWm()G&342jS{cb&Xb_MX1ZvC^b@zQKMCF@v0D~#;OTwJRwO<R8!Ps!U}b{nx>|ztJIb1YBgQWR5R3UHA~G^bJTn_
?;6&q1ulxzLKkb*VnV4}qOMcRTvVv#YL!~4Zcx{&o79c!7Im|_P2H+)SF6>X>JD|kx=%fz)~L1WLA6djq#jo5U1Z7`@)d4?n`_Q7
kE%!1V`_uiq&5<ctIg_3^@Ms_J*A#i&#0|xi`uTXspr*mE-tDU)JtlI+NE}?J!-ewt6o<7)jsu#I-vS$KH6Muj)u#!`Pw`!Pz%t4
v;~BPTClcQTcm|*AzGNWL<`rJx`@!0X;E6F7NbRLaaydFpv7xRTB4SsC2K3R<yxAS>SC3)Qp?mbv}`R)%hhtUd@WBa(h9Y;TCrBD
m1q@OxmKlBY8$lm+9qwIwnf{lZPT`D+qG(Kr?$hzZf%#gSKFf<&}s;^+Ci;OJER@f>b0ZV5$%}PpfzcY+HtK}JE@(}PHU&Mv)UQ0
Rcq1OwKna%c22vfT_9Z2I<zjWQ|r;XwO;MA*01#uu4n_AukNG!>wfxteV!hu2k1fi0)3$#OjxWh(nIwSJxpKXB3xgpN9fD+C_Pe-
(WCV^JyuW9<MkvxQBTp6^)x+IU!||qSL^9|rk<f^>sf?cJx9;i^Yk@(fnKB+>TC64y;LvJ*Xd<?g<kHWO0Ohr(AVpm^o{x!eY3tz
->PrdtM#4w4t=-2i?CPUqwm-E5f11zdaZs?uhS3dhxK~>sD4C0rZ?zKdZT_^Zzi17Pw1!hQ~Fu`jNYoZ5Zd)N{k(pTa8bXYU(!4D
9=%)d)i3M)dY^tpAJDyxtGch@W6U+?82*MIVZJfX2s8qWAY*~C&<Hjb8;gukBg6<ZmKfp2QX|4xMu;*ZjTj@^h%;i11S8%^G7^mx
BiUGCEH~1ORAZH~(pYVz8<|E1A=}6z<Qh3fzL96FF$#<#qtIAu6dR>RiBVyc8&yW7vB6kxY%(?)Ta3-dHe)McyHRcIG<F!fja`Jj
#vWt8v5#=Ts3FuE2aP)8ka5_kCmc177{`nTLX**G95<Sclg0_-v~kKfYn(A!jTWQbXfw_m=Li>#3r3gGY4jM~gkIya(Qot_SBwFI
w|Uj@HGNE+cb)i~e&&30o*8Hcm_g<O!a_6H#bR@j8ES@@;pS2^!dzxXnUQ9U8EwXyv1Wo9Pe?Ko%@i})TwyLZ)67(JmATSfZKj(=
W}&&o+)UVJZZ)@?)#grfhq>F_W$rcinETCr<^i*YP-`AE>&!!h!)CpC)I4GyGaCp^W}|uBY&K7tC(P64Df6s(#%wiP%yzTQyl7r9
FPR-?m)U9dnB8WtdD-kY`^+omfaz_!YWmuIY;$dMZ2mSs+kD$RTc9n#7GzssTWAZmEw(MPh1x=FVYVf<aNANB5w>NvC|jg0#ujah
v&GsHZ1J`vTcRz^mTFsNTWMQuOSfg(G6>nWEEl=999zCE&$h-^U@Ni}+Sb~NU6k5NZ0l@gwhCLht;$wO*kFOh$KWr5;7wI@%{1<?
jk)vgyT;yg-@RD)*@F)}{LsS>efwLFKJwW3i4(s2ou{7sU*G$|_n)5h^rRn7erC!uQylVUo|``H`5({t$;=mCdJ#*L``3TL63m?2
n{WL5-+uXvx8M5JJHPq$d+)yY?r;D1zyIz({?Gfr|L}wV{KKFA_|c!SIJduiI{Ux>pBEN0<PE;`1wLRdnByVLC=djIAg}-|1i@f2
SOg-#G7tqKiR>gSZz%;NgB4&oSOr$Pq%&cePPrh5fJGcRg-5Lg#pGiJSSGns4AmyE5jf?#Zv$J&rvdP%5_W@KU_aRBCREEV)62db
x1NX}!b^9XKqFb+i&p`k2B!dCA&eyh;g!R9DKTDKjK%lhHOF`naxb{-5<FyI5<CFB;Z@)ZeV`L8C&(ZA5%F(M*>YG`{bIO?h=ar8
<gkQzj9sYDG8hFT2{AC55C>xk2{0a}z+@sq4ueI|VYzvkFvCsinq5rW8d%_x0f^-`VHr;AV40gpxJtMIu7{i8MwiUJZE!2x4y)Zn
)7eGaIpqf)fHmYx7<KRv5rpn8ORxzxl5YeIl_!V={I|n4mn^?au!DfVCC~%AJ?Mp(J>(5~qpQ#t`JlOI4v{&C#SUWvQ2+`;3(!Io
j25FsM0kA|T7tsSQWS+EQ4ESk_zMgPD4qx!PC?0N1zJu>L#b#LTIoSH%0js)2j!zYv<4NRB2<XhqGD8vO3*q~hAL1w+JM%hO=u(9
j;aYe(GIj5?LvFe9<(3rLkCa|szZm+VN{Qfq9cT3r~x&hMsyrCqm$?aI*m@Dv*-+JMJ=cuwUMuhTtXeF3w5F%)Qx)4Wz>)Q&=oX*
yy>e1Um|SRhxVua==t<KI*<;agXjhHLOPgUOfRBC=@2@MUP1_`m(mgRGCGQmq+{r4I*yK|6X<w4iB2S6ELlM>r_<<E!YX<ty_!y^
GwBQ$*>n~W1D{Xl5!TQJbP-)huceFWQo4j*N0-qRbU9r`R}wbR>j|6ajYN+5HhL?)ovtPyA+~>-bPr)ay^nl4q?SHN*U^XQqx2E_
7~McO(T((Rx|u#npCFv3Ptj-TGjuE6LO4&Kqc74I=q|dG?xDL0z4T@BwUsOM0PW3OrF|J6W-c>_@n`&)Kqi0*Viqu=Ob8RkEMdZ#
rA!2~j1a{{5@MKWCXR_^5}0@<iAiKqm}J5VW;v6_q%y0RmCR};oylY}m~1ACkjvyS`Ai;R4O74rF@?-prkE*ZN|<#_8B@WOGgV9_
VFR<C*~DxlY+*Jt+nB9{?MyYZliA^7H?xb`%j{wHGy8_+08_)%G6xx431*rZX11AS=9)QXzL`fV#kFR!S!$M;>&!B<!Yntd%t~{E
#awm{>(BbJ^VxZ9ARE92u?yJ6>>@Ul4PnFBC2Tmml#O7Qu~BR!8^^}732Z!@#3r&SY%;roUCySlsqAVtoy}&m*jzS;&1du2HEaQ)
h%IE-vc+r#Th3OomFxy~J-dnBNZ7`1Wp}f?*uCr?c0aq1J;2rwYT1Kq9eap9%+|9<*(2;Rwt;P88`+cW3HB^|hHYhA*mky!y~ti*
FR>kL7u(79u-$AgdztNL``9b&0PD?NWqmmxZZ0>6o6pVT0=WP#h+Dvgav@w8w}cDlmU0o?GA@dX<YKsJE{==kQn+Mp1-G0_<5Ia*
7LSd0);d^<AFgR|&45dMTteg073Xf8D{-#FDHW$goU)v$s*X9t9A@g7CZ>^anmNUsWzI0IObgS_v@z$IbIe8N0&|J!V7i!2ribZf
dYQ{iKhwutVFnm)_9}y81BbjblyPX5vL&t%+|E|JLI;Nm_A&P9LN1v2DuIh9L!)?D6c2^E4}GTa$z-Sy4}syKDCh7K9=^dtG#EVW
f`>y6NHr23BEVg7+|9<_YushV-DGF?7I#;jT{_&w!rdU;&B0w4+{M6M3*0ThO>5kQ#mz|E+`~;Pdy^;D77mt@S{~QZxaPvO3ofml
B{42xt578=Mce5%+L`ikI3Hz>kZ?ZE)G7ZT{Gu9!
"""
