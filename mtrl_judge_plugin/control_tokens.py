"""Control tokens of chat templates and processors, by their shapes: what outside text must not bring into a prompt.

`<|im_start|>`, `[INST]`, `<image>`, `<start_of_turn>`, `<｜User｜>`: a template, a tokenizer or a server acts upon
them. The shapes cover every family of the installed transformers (a test reads its sources), and leave alone what
people write: HTML, XML tags of judge prompts (`<score>`, `<question>`), `[A]`, `[[A]]`, `[RESULT]`, `a < b > c`.
"""

from __future__ import annotations

import re

_BRACKETED = (
    r"INST|IMG|IMG_[A-Z_]+|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_[A-Z]+|PREFIX|MIDDLE|SUFFIX|THINK|MODEL_SETTINGS|CALL_ID|"
    r"ARGS|AUDIO|BEGIN_AUDIO|TRANSCRIBE|CLS|SEP|PAD|UNK|MASK|BOS|EOS|gMASK|sMASK|MODALITY|REF|BREAK|EOT|CONTROL_\d+|"
    r"(?:UNUSED|unused)_?\d+|AUDIO_[A-Z_]+|STREAMING_[A-Z_]+|DEC|EOD"
)
_NAMED = (
    r"s|bos|eos|pad|unk|mask|sep|cls|sop|eop|eod|eot|eom|boi|eoi|bov|eov|img|ref|box|quad|null|blank|ctc_blank|no_speech|"
    r"think|answer|tools?|tool_calls?|tool_responses?|tool_outputs?|function_calls?|sound|eoss|racm3:break|grounding|"
    r"seed:[\w:]+|longcat_\w+|mask:\d+|masked_\w+|0x[0-9A-Fa-f]{2}|special_?\d*|extra_id_?\d+|unused_?\d+|reserved[\w-]*\d|"
    r"(?:start|end|begin)_(?:of|header|action|thought|body)\w*|(?:row|col|tile|slice)_?\d[\w-]*|global[-_]\w+|thumbnail|"
    r"end_\w*utterance|[\w-]*(?:image|video|audio|vision|visual|media|frame|speech|timestamp|img|pixel|modality)[\w-]*|"
    r"(?:im|so|low_res|patch|asr|delimiter|mask)_[a-z0-9_]+|"
    r"[\w-]*fim[_-]\w+|fim_\w+|loc_?\d+|seg_?\d+|point_?\w*\d|[\w-]*_?(?:token|placeholder)(?:_\w+)?|"
    r"(?-i:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)|BOS|EOS|PAD|UNK|SEP|CLS|MASK|IMG|SPECIAL_?\d+|"
    r"(?:im|turn|eot|eom|channel|message|user|assistant|system|bot|human|sop|eop)[|_](?:start|end|sep)?"
)
#: Matches a control token. Brackets, names and what may stand between them; never white space but within our own tags.
CONTROL = re.compile(
    r"<\s{0,3}/?\s{0,3}(?:think|answer)\s{0,3}/?>"
    r"|<\|[^|<>\n]{0,60}\|?>|<[^|<>\s]{1,40}\|>|<｜[^｜<>\n]{0,60}｜>|◁[^◁▷\n]{1,40}▷|<<{0,1}/?/?(?:SYS|sys)>>?"
    rf"|</?(?:{_NAMED})/?>|\[/?(?:{_BRACKETED})\]",
    re.IGNORECASE,
)
#: What may be a control token: found in one quick pass, and looked at closely one by one.
_CANDIDATE = re.compile(r"<<?/?SYS>>?|<[^<>\n]{1,64}>|\[/?\w{2,30}\]|◁[^◁▷\n]{1,40}▷", re.IGNORECASE)
_LOOKALIKES = str.maketrans({"<": "‹", ">": "›", "[": "⟦", "]": "⟧", "|": "¦", "｜": "¦", "◁": "‹", "▷": "›"})


def lookalike(token: str) -> str:
    """A control token as harmless text: "<|im_end|>" -> "‹¦im_end¦›"."""
    return token.translate(_LOOKALIKES)


def defuse(text: str) -> str:
    """Replace the brackets of anything that could act as markup by look-alikes, so that it reads but does not act.

    >>> defuse("<|im_end|><image>, but not <b>a < c</b> or [[A]]")
    '‹¦im_end¦›‹image›, but not <b>a < c</b> or [[A]]'
    """
    return _CANDIDATE.sub(lambda match: lookalike(match[0]) if CONTROL.fullmatch(match[0]) else match[0], text)


#: Ends a turn, or begins another one, in the chat templates of today's families: a server that does not stop there, or
#: does not leave the tokens out, sends them on.
_END = re.compile(
    r"<\|(?:im_end|eot_id|eom_id|end_of_text|endoftext|end_of_turn|end|eot|return|call|eos|END_OF_TURN_TOKEN|"
    r"END_RESPONSE|role_end|end_of_role|endofassistant|im_start|start_header_id|user|User|USER)\|>"
    r"|<\|im_(?:user|system|assistant)\|>|<\|turn>|<turn\|>|<(?:start|end)_of_turn>|<eos>|\[/?INST\]|\[e~\[|"
    r"<｜(?:end▁of▁sentence|User|end of sentence)｜>|</s>(?=\s*(?:\Z|<s>|\[INST\]|<\|))"
)
#: What begins the judge's own turn.
_OWN = re.compile(
    r"\s*(?:<\|im_start\|>(?:assistant)?|<\|start_header_id\|>assistant<\|end_header_id\|>|<start_of_turn>model|"
    r"<\|turn>model|<\|assistant\|>|<｜Assistant｜>|<s>(?=[^<]*(?:</s>\s*)?\Z))\s*"
)
_FINAL = re.compile(r"<\|channel\|>final(?:\s[^<]{0,40})?<\|message\|>")
_CHANNEL = re.compile(r"<\|channel\|>(?:analysis|commentary)")


def turn_span(reply: str) -> tuple[int, int]:
    """Where the judge's own turn begins and ends in a reply: what it invents behind an end token is none of it.

    In the format of gpt-oss the turn is its final channel; without one, nothing.

    >>> start, end = turn_span("yes<|im_end|>\\n<|im_start|>assistant\\nno")
    >>> (start, end)
    (0, 3)
    """
    if final := _FINAL.search(reply):
        start = final.end()
    elif _CHANNEL.search(reply):
        return 0, 0
    else:
        own = _OWN.match(reply)
        start = own.end() if own else 0
    ended = _END.search(reply, start)
    if ended and "<think>" in reply[start : ended.start()] and "</think>" not in reply[start : ended.start()]:
        closed = reply.find("</think>", ended.end())  # the reasoning speaks of a token
        ended = _END.search(reply, closed) if closed >= 0 else ended
    return start, ended.start() if ended else len(reply)
