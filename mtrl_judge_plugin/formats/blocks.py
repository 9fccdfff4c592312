"""Blocks of material in a prompt: "Question: ...", "[Response]", "## Reference", and what only looks like one."""

from __future__ import annotations

import re

from mtrl_judge_plugin.formats.asking import ONLY, VERB

#: Words for what is judged, and for what it is judged by.
MATERIAL = (
    r"question|query|answers?|responses?|predictions?|solution|caption|options?|choices|truth|reference|transcription|"
    r"prompt|submission|expression|candidate|context|document|passage|article|source|essay|story|text|image|"
    r"output|input|"
    r"claim|statement|conversation|dialogue?|user|assistant|model|student|human|system \w|target|gold|label|"
    r"description|translation|summary|code|sentence|request|problem|ground|instructions? given|content|message|"
    r"completion|generation|\w+ (?-i:[AB12])|Q|data|begin\b|start\b|"
    r"问题|问|题目|回答|答案|参考|标准|模型|预测|选项|学生|指令|原文|译文|摘要|文本|Frage|Antwort|Aussage|Zusammenfassung|"
    r"Übersetzung|Pregunta|Respuesta|Resumen|Traducción|質問|問|回答|正解|要約|本文|翻訳|指示|報告|依頼|Réponse|Résumé|Traduction|Pergunta|"
    r"Resposta"
)
#: Words for instructions.
INSTRUCTING = (
    r"output|format|reply|respond|instructions?|rules?|notes?|task|criteri\w+|rubrics?|scale|scor\w+|grad\w+|"
    r"guidelines?|steps?|important|"
    r"examples?|json|verdict|rating|judge?ment|evaluat\w+|your|remember|requirements?|constraints?|return|"
    r"strict\w*|warning|attention|"
    r"final|decision|feedback|explanation|reason\w*|rationale|analysis|precision|recall|role|goal|definitions?|"
    r"labels?|levels?|classes|categories|options are|possible|"
    r"输出|格式|注意|任务|规则|标准如下|评分|打分|说明|请|Ausgabe|Format|Bewertung|Aufgabe|Formato|Salida|Nota|Instruc\w+|出力|形式|採点|注意"
)
LABEL_LINE = re.compile(
    r"[ \t]{0,40}(?:[-*•]\s{1,8})?[#*\[<(|=_]{0,6}\s{0,8}(?P<label>[^\W\d_][^:：\n\[\]<>*#|]{0,48}?|\d{1,2})\s*[\]>)*|"
    r"#=_]{0,6}\s*(?P<colon>[:：])[*_]{0,3}[ \t]*(?P<rest>.*)$"
)
HEADING = re.compile(
    r"[ \t]*(?:#{1,6}\s*(?P<a>[^#\n]{1,60}?)\s*#*|\[(?P<b>[^\]\n]{1,60})\]|\*\*(?P<c>[^*\n:：]{1,60}[:：]?)\*\*|"
    r"<\|?(?P<d>[^<>\n]{1,60}?)\|?>|={2,}\s*(?P<e>[^=\n]{1,60}?)\s*={2,}|-{2,}\s*(?P<f>[^-\n]{1,60}?)\s*-{2,}|"
    r"【(?P<g>[^】\n]{1,40})】)\s*[:：]?\s*$"
)
#: A place to fill in.
SLOT = re.compile(
    r"^(?:\.{3}|…)|^\W{0,4}(?:\((?:[^()\n]{1,60})\)\s*[\"'”]?$|<[^>\n]{1,60}>\s*[\"'”]?$|\$?LETTER\b|"
    r"\[\[?[^\]\n]{1,60}\]\]?\s*[\"'”]?$|\{[^{}\n\"']{0,40}\}\s*$|[NXn]\b\s*[\"'”]?$|_{2,}|\d+\s?[-–]\s?\d+\b|"
    r"[A-Z]{2,}\s?[/|]\s?[A-Z]{2,}|"
    r"[\"'“][^\"'”\n]{1,30}[\"'”]\s*(?:or|/|\|))"
    r"|^(?:an?\s|one\s)?(?:\w+\s)?(?:number|integer|score|float|sentence|explanation|word|letter)\b"
    r"|^(?!N/A\s*$)\w{1,16}(?:\s?[/|]\s?\w{1,16})+\s*$"
)


def opens_block(line: str, *, fresh: bool) -> bool:
    """Whether a line opens a block of material; `fresh`: it begins a paragraph."""
    if fresh and _QUOTATION.fullmatch(line.strip()):
        return True
    if heading := HEADING.match(line):
        name = next(group for group in heading.groups() if group)
        if heading["d"] and re.match(r"(?:an?|your|one)\s|\d", name):
            return False  # "<a sentence>": a place to fill in
        if _JUDGED.search(name):
            return True
        return bool(is_about(MATERIAL, name)) and not is_about(INSTRUCTING, name) and not name.startswith("/")
    if (here := _HERE.match(line)) and is_about(MATERIAL, about := here["text"] or here["what"]):
        return not is_about(INSTRUCTING, about)
    if (match := _ASSIGNED.match(line)) and not SLOT.match(match["rest"]):
        return bool(_MATERIAL_NAME.fullmatch(match["label"]))
    if not (match := LABEL_LINE.match(line)):
        return False
    label, rest = match["label"].strip(), match["rest"]
    if label.count('"') % 2 or label.count("“") != label.count("”"):
        return False  # 'Write "Answer:" ...'
    if (quoting := _QUOTING.match(rest)) and VERB.search(quoting["behind"]):
        return False
    if _JUDGED.search(label):
        return True
    if re.match(r"(?:[A-Z]|\d{1,2}|[IVX]+)[.)]\s", label):
        return False
    if SLOT.match(rest) or len(label.split()) > _LABEL_WORDS or (len(label.split()) > 2 and ONLY.search(rest)):
        return False
    if not rest.strip() and _TELLS.search(label) and not _HEADS.fullmatch(label):
        return False
    if not rest.strip():
        return bool(is_about(MATERIAL, label)) and not is_about(INSTRUCTING, label)
    if is_about(MATERIAL, label) and not is_about(INSTRUCTING, label):
        return True
    return fresh and not is_about(INSTRUCTING, label) and label[:1].isupper() and not _TELLS.search(label)


#: "Here is the answer of a student:".
_HERE = re.compile(
    r"\W{0,3}the (?P<text>text|passage|candidate|response|conversation|dialogue|message|review|document|"
    r"transcript|caption|question|essay|story|code)(?: [^\W\d]+){0,6} (?:is|follows|below)[:：]\W{0,3}$"
    r"|\W{0,3}(?:here(?:['’]s| is| are)|(?:below|the following) (?:is|are)|(?:this|that) is|these are)\s"
    r"(?P<what>[^.:：\n]{1,80})[:：]\W{0,3}$",
    re.IGNORECASE,
)
#: A paragraph that is one quotation.
_QUOTATION = re.compile(r"\"[^\"\n]{12,}\"|“[^“”\n]{12,}”")
#: 'Query: "...". Choose the better passage.'
_QUOTING = re.compile(r"[\"“][^\"“”\n]*[\"”][.,;]?\s+(?P<behind>(?-i:[A-Z])[^\"“”\n]*[.?!:])$")
#: "question = Who is it?"
_ASSIGNED = re.compile(r"[ \t]*(?P<label>[A-Za-z][\w ]{0,24}?)\s?=\s(?P<rest>\S.*)$")
_MATERIAL_NAME = re.compile(rf"(?:{MATERIAL})s?", re.IGNORECASE)
_LABEL_WORDS = 6
#: Material whatever else the heading says: "Response to evaluate".
_JUDGED = re.compile(
    r"\bto (?:be )?(?:evaluat|judg|grad|scor|rat|assess)\w*$|"
    r"^(?:actual|expected|generated|candidate|student|system|agent|model|predicted|correct|reference|"
    r"gold|ground)[\w ]*(?:answer|target|truth|output|response)s?$",
    re.IGNORECASE,
)
#: "ANSWER:", which is no literal.
_HEADS = re.compile(
    r"(?:STUDENT |MODEL |USER |REFERENCE |EXPECTED |GOLD )?(?:QUESTION|QUERY|ANSWER|RESPONSE|REFERENCE|CONTEXT|"
    r"DOCUMENT|PROMPT|CANDIDATE|TEXT|MESSAGE|PREDICTION|SOURCE|SUMMARY|TRANSLATION)S?"
)
#: A sentence, and no label: "Reply with one of the following:".
_TELLS = re.compile(
    r"\b(?:in (?:this|the following)|one (?:word|letter|number|digit)|a single|with|sort|assign|"
    r"classify|order|rank|mark|count|list|find|tick|compare|"
    r"assess|evaluate|determine|check|"
    r"put|place|wrap|enclose|between|within|stick to|follow|"
    r"provide|return|estimate|consider|reply|answer with|respond|output|write|give|choose|pick|use|select|"
    r"say|state|judge|rate|score|decide|whether|is|are|does|includes?|if|the following|as follows|these|one of|"
    r"Step|Line|Point|Level|Criterion|Yes|No|TRUE|FALSE)\b|(?-i:^[A-Z0-9]$|^[A-Z]{2,}$)|\d$",
    re.IGNORECASE,
)


def is_about(words: str, label: str) -> bool:
    """Whether a label holds, or begins with, one of the words that a regular expression lists."""
    return (
        re.search(rf"(?:^|(?<=[\W_]))(?:{words})s?(?:$|(?=[\W_]))|^(?:{words})", label.strip(), re.IGNORECASE)
        is not None
    )
