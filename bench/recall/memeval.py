"""Scores ranked answers against the turns that hold the evidence (Python 3 standard library only).

A set is {"groups": [{"gid", "docs": [{"id", "sid", "text", "who", "when", "o"}],
                      "queries": [{"id", "text", "cat", "turns": [doc ids], "sessions": [session ids], "before"?}]}]}.
A run is a file of lines {"id": question id, "ranked": [doc ids, best first]}.
"""
import collections, json, math, os

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'data')
SHOWN = ['hit1', 'r1', 'r3', 'r5', 'r10', 'r20', 'hit10', 'all10', 'ndcg10', 'mrr']


def load(name):
    path = name if os.path.exists(name) else os.path.join(DATA, name + '.json')
    with open(path, encoding='utf-8') as file:
        return json.load(file)


def load_run(path):
    with open(path, encoding='utf-8') as file:
        return {line['id']: line['ranked'] for line in map(json.loads, filter(str.strip, file))}


def metrics(ranked, gold):
    """Measures of one question: recall and hits at several depths, NDCG at 10, reciprocal rank."""
    gold = set(gold)
    ranked = list(dict.fromkeys(ranked))     # an id counts once
    found = [i for i, x in enumerate(ranked) if x in gold]
    result = {'r%d' % k: sum(i < k for i in found) / len(gold) for k in (1, 3, 5, 10, 20)}
    result['hit1'] = float(bool(found) and found[0] == 0)
    result['hit10'] = float(any(i < 10 for i in found))
    result['all10'] = float(sum(i < 10 for i in found) == len(gold))
    ideal = sum(1 / math.log2(i + 2) for i in range(min(10, len(gold))))
    result['ndcg10'] = sum(1 / math.log2(i + 2) for i in found if i < 10) / ideal
    result['mrr'] = 1 / (found[0] + 1) if found else 0.0
    return result


def evaluate(groups, run):
    """One row a question; turn level where turns are known, session level by the sessions of the ranked turns."""
    rows = []
    for group in groups:
        session_of = {d['id']: d['sid'] for d in group['docs']}
        for q in group['queries']:
            ranked = run.get(q['id'], [])
            row = {'id': q['id'], 'cat': q['cat']}
            if q['turns']:
                row['turn'] = metrics(ranked, q['turns'])
            if q['sessions']:
                row['session'] = metrics([session_of[x] for x in ranked if x in session_of], q['sessions'])
            rows.append(row)
    return rows


def summarise(rows):
    summary = {}
    for level in ('turn', 'session'):
        by = collections.defaultdict(list)
        for row in rows:
            if level in row:
                by['ALL'].append(row[level])
                by[row['cat']].append(row[level])
        if by:
            summary[level] = {cat: {**{m: round(sum(x[m] for x in some) / len(some), 4) for m in SHOWN}, 'n': len(some)}
                              for cat, some in by.items()}
    return summary


def show(title, summary):
    print('## ' + title)
    for level, table in summary.items():
        print('%-8s %-24s %5s %s' % (level, 'category', 'n', ' '.join('%6s' % m for m in SHOWN)))
        for cat in ['ALL'] + sorted(set(table) - {'ALL'}):
            print('%-8s %-24s %5d %s' % ('', cat[:24], table[cat]['n'], ' '.join('%6.3f' % table[cat][m] for m in SHOWN)))
