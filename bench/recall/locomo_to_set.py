#!/usr/bin/env python3
"""Turns LoCoMo's locomo10.json into a set that memoir_eval.py reads.

  locomo_to_set.py locomo10.json data/locomo.json

Expected of the input: a list of {"sample_id", "conversation": {"session_1": [{"dia_id": "D1:1", "speaker", "text",
"blip_caption"?}], "session_1_date_time", ...}, "qa": [{"question", "evidence": ["D1:3"], "category": 1..5}]}.
A question whose evidence names no turn is left out and counted in "skipped".
"""
import json, re, sys

CATEGORIES = {1: 'multi-hop', 2: 'temporal', 3: 'open-domain', 4: 'single-hop', 5: 'adversarial'}


def turns(conversation):
    numbers = sorted(int(m[1]) for key in conversation if (m := re.fullmatch(r'session_(\d+)', key)))
    for number in numbers:
        for turn in conversation['session_%d' % number] or []:
            caption = turn.get('blip_caption')
            yield {'id': turn['dia_id'], 'sid': 'S%d' % number,
                   'text': turn['text'] + (' [shared photo: %s]' % caption if caption else ''),
                   'who': turn['speaker'], 'when': conversation.get('session_%d_date_time' % number, '')}


def evidence(texts, known):
    """The turns that are named, in spellings such as D1:3, D:11:26, D30:05 and "D8:6; D9:17"."""
    named = ('D%d:%d' % (int(a), int(b)) for text in texts or [] for a, b in re.findall(r'D:?(\d+):(\d+)', str(text)))
    return list(dict.fromkeys(x for x in named if x in known))


def group(sample):
    docs = [dict(d, o=i) for i, d in enumerate(turns(sample['conversation']))]
    known = {d['id']: d['sid'] for d in docs}
    queries, skipped = [], 0
    for i, qa in enumerate(sample['qa']):
        gold = evidence(qa.get('evidence'), known)
        if not gold:
            skipped += 1
            continue
        queries.append({'id': '%s_q%d' % (sample['sample_id'], i), 'text': qa['question'],
                        'cat': CATEGORIES.get(qa['category'], str(qa['category'])),
                        'turns': gold, 'sessions': sorted({known[x] for x in gold}), 'when': ''})
    return {'gid': sample['sample_id'], 'docs': docs, 'queries': queries}, skipped


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding='utf-8') as file:
        converted = [group(sample) for sample in json.load(file)]
    groups = [g for g, _ in converted]
    result = {'name': 'locomo', 'licence': 'CC BY-NC 4.0', 'source': 'github snap-research/locomo data/locomo10.json',
              'skipped': sum(n for _, n in converted), 'groups': groups}
    with open(sys.argv[2], 'w', encoding='utf-8') as file:
        json.dump(result, file, ensure_ascii=False)
    print('%d conversations, %d turns, %d questions, %d skipped' % (
        len(groups), sum(len(g['docs']) for g in groups), sum(len(g['queries']) for g in groups), result['skipped']))


if __name__ == '__main__':
    main()
