"""Words that carry grammar and no matter: two memories that share one have nothing in common."""

from __future__ import annotations

from nuonuo.encoding.words import Analyzer

_ENGLISH = Analyzer("english")
# Of the languages that are most beside English; each with what stands in nearly every text of it.
_OTHERS = frozenset(
    "der die das den dem des ein eine einen einem einer eines und oder aber nicht kein ist sind haben "
    "ich du er sie es wir ihr mich mir dich sich mein dein sein im in am an auf aus bei mit nach von vom zu "
    "zum zur für über um als wie wenn dass auch noch nur "
    "le la les l un une des du de d et ou mais ne pas est sont a au aux ce cette ces je j tu il elle on nous "
    "vous ils elles me te se mon ma mes ton sa ses en dans sur avec par que qu qui y "
    "el los las una unos y o pero no es era ha he yo tú él ella lo mi tu su sus en con por para del al que "
    "se le les muy "
    "il lo gli i e ma non è sono era ho ha io lei noi voi loro mi ti si ci nel nella di da con su per tra "
    "che o os as um uma e mas não é são foi eu ele ela nós meu minha seu sua em no na nos nas do da dos das "
    "com por para que se "
    "de het een en of maar niet is zijn was heb heeft ik je jij hij zij wij we ze mijn jouw in op aan naar "
    "van voor uit bij dat die er ook".split()
)


def says_something(word: str) -> bool:
    """Whether ``word`` is more than a function word of some language, or than a sign."""
    folded = word.casefold()
    found = _ENGLISH.words(folded)
    return folded not in _OTHERS and any(each.content for each in found)
