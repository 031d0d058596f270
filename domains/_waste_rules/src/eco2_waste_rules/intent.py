"""Whether a question asks how to dispose of something: 냉장고 is in 냉장고 온도 too, which no rule answers.

Decided by words of the question, and where they say nothing, left open.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final


class Intent(Enum):
    """What a question asks for."""

    DISPOSAL = "disposal"
    SOMETHING_ELSE = "something else"
    UNKNOWN = "unknown"


_ABOUT_WASTE: Final = re.compile(
    "시급|알바 ?(구|모집|자리)|연봉|채용|체력시험|허가|창업|차리려|관련주|포상금|제도|시행(됐|되|일)"
    "|견적|시세|얼마 ?쳐|키로에|돌릴 ?때|언제 ?넣|(봉투|봉지)[가-힣 ]*(파는|팔아|얼마|가격)"
)
"""Work, money and laws of waste, and what is put in to be used: no question of a thing, whatever else it says."""
_DISPOSAL: Final = re.compile(
    "버리|버려|버릴|버린|버림|버렸|버렷|내놓|내놔|내다 ?놓|내다 ?놔|내도|내면|내야|배출|분리|분류|재활용|수거"
    "|처분|처치|처리"
    "|폐기|소각|매립|치워|치우|쓰레기|쓰래기|일쓰|음쓰|쓰봉|종량제|불연성|마대|봉투에|딱지|스티커|수수료|폐지"
    "|고물상|의류함"
    "|반납|갖다|가져가|변기|하수구|싱크대|나눠|모으는 ?(통|데|곳|함)|로 ?나가"
    "|(종이|비닐|플라스틱|페트|캔|유리|유리병|고철|일반|음식물|전자|류)[가-힣]{0,2} ?"
    "(칸|쪽|통|류|인가|이에|예요|에요|이야|인지|이지|임|맞|아니)"
)
"""Getting rid of things."""
_SOMETHING_ELSE: Final = re.compile(
    "추천|가격|얼마(?!나)|얼마나 (줘|걸|들|나오|먹)|비용|만원|파는|팔아|사요|사나|살까|구매|주문|칼로리"
    "|레시피|요리|끓이"
    "|끓여|굽는|만드는|만들|접는|교체(?!한)|수리|고치는|고치려|고르|(세탁|빨래)(하|방|법)|사이즈|크기"
    "|온도(?!계)|차이|달라|뭐야"
    "|뭐가 (?!맞)|뭐 있|먹어도|먹여|먹고 싶|마셔도|날씨|사용법|설치|효능|효과|부작용|언제|좋[은아]"
    "|몇 ?(잔|개월|도|와트|종류|점|살|번|시|분|년)"
    "|[는할] ?(법|방법|요령)|길들|얻|꿀팁|도로 (어디|위)"
    "|(먹어|삶아|구워|챙겨|입어|신어|마셔|마스크 ?써|배워|확인해|준비해|보관해|발라|골라|공부해)야|준비해"
    "|캐릭터|포인트|로그인|비밀번호|회원|가입|탈퇴|알림|누가|누구|어떤 분|어때|의무|역사|발명|원인|음주|혈압에"
    "|맛있|맛집|요금|소음|공부|아파(?!트)|아프|빨리|마시면|포맷|자면 |시험(?!지)|면접|자격증|학원|뜻|속담"
    "|전세|주식(?!캔)|과제"
)
"""Buying, using, eating and repairing things, and the app itself."""
_HANDLED: Final = re.compile(
    "넣|담아|섞|헹|씻|닦아야|떼|뜯|찌그러|밟아|구멍|모아|모으|부어|부으|흘려|빼[고야서]|벗겨|잘라|오려|접어"
    "|묶|싸서|굳혀|굳힌"
    "|되|될|돼|됨|됌|됩|괜찮|가능|맞[나지죠아는음]|해야|하나|야 ?하|야 ?함|야 ?돼|야 ?됨|아니[죠지야]|어쩌"
    "|어째|어캄|어케"
    "|어떡|어떻게|어따|어디다|어디로|어디에|받[나아]|바꿔|칸|쪽|헷갈|는요|안 ?떨어|안 ?빠"
    "|다 ?(쓴|썼|먹|마신|마심|마셨|떨어)|다쓴|남은|남았|남긴|남는|못 ?(쓰|입|먹)"
    "|안 ?(쓰는|입는|신는|타는|타서|나오는|켜지)|고장|망가"
    "|깨[졌진짐먹]|부러|부서|찢|터[졌진짐]|낡|오래된|오래 ?된|묵은|녹슨|녹슬|상한|썩|쉰|곰팡이|굳은|빈 |헌 "
    "|폐|시든|작아진"
    "|빵꾸|금 ?갔|금 ?간|벗겨|나간|닳|박살|부푼|부풀|유통기한|유효기간|쌓였|쌓인|한가득|한 ?무더기|필요 ?없"
)
"""What is done to waste, whether something may be done, or what has become of a thing: here that is about disposal,
unless the question says otherwise."""


def intent_of(question: str) -> Intent:
    """What a question asks for. What is said of disposal outweighs the rest: a price may be that of having it fetched.

    Args:
        question: in the spelling of `tokens.normalise`.
    """
    if _ABOUT_WASTE.search(question):
        return Intent.SOMETHING_ELSE
    if _DISPOSAL.search(question):
        return Intent.DISPOSAL
    if _SOMETHING_ELSE.search(question):
        return Intent.SOMETHING_ELSE
    return Intent.DISPOSAL if _HANDLED.search(question) else Intent.UNKNOWN
