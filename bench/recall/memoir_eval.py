#!/usr/bin/env python3
"""Retrieval quality of a running Memoir server, through its public API (Python 3 standard library only).

  memoir_eval.py SET [--url http://127.0.0.1:8000] [--api-key KEY] [--half 0|1] [--limit N] [--top-k 20]
                     [--param name=value ...] [--out run.jsonl] [--json summary.jsonl] [--keep]

Each group of SET (data/SET.json, or a path) becomes a tenant of its own; its turns are stored with
POST /v1/messages/batch (conversation_id, role, name, content, created_at, external_id), then every question is asked
with POST /v1/memory/search, and the ranked external_ids are scored: recall@k, NDCG@10, MRR, latency.
Tune on --half 0, report --half 1. Search parameters such as mode=lexical go in with --param.
"""
import argparse, datetime as dt, json, os, re, sys, time, urllib.error, urllib.request
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import memeval

MONTHS = {m: i + 1 for i, m in enumerate('jan feb mar apr may jun jul aug sep oct nov dec'.split())}
WIRE = '%Y-%m-%dT%H:%M:%S.%f'


def wire(when):
    return when.strftime(WIRE)[:-3] + 'Z'


def instant(text):
    """The moment a session took place, from the spellings that the sets use."""
    text = text or ''
    if m := re.search(r'(\d{1,2}):(\d\d) ([ap]m) on (\d{1,2}) (\w+),? (\d{4})', text, re.I):          # 1:56 pm on 8 May, 2023
        hour = int(m[1]) % 12 + (12 if m[3].lower() == 'pm' else 0)
        return dt.datetime(int(m[6]), MONTHS[m[5][:3].lower()], int(m[4]), hour, int(m[2]))
    if m := re.search(r'(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d))?)?', text):               # 2025-12-20 (Saturday)
        return dt.datetime(*(int(x or 0) for x in m.groups()))
    return dt.datetime(2024, 1, 1)


def times(docs):
    """created_at of each turn by its order: what the set says, and strictly increasing with the order."""
    at, last = {}, None
    for d in sorted(docs, key=lambda d: d['o']):
        when = instant(d['when'])
        last = when if last is None else max(when, last + dt.timedelta(milliseconds=1))
        at[d['o']] = wire(last)
    return at


def message(tenant, d, at):
    item = {'tenant_id': tenant, 'conversation_id': str(d['sid']), 'role': 'assistant' if d['who'] == 'assistant' else 'user',
            'content': d['text'], 'created_at': at[d['o']],
            'external_id': '%s#%s' % (d['id'], d['o'])}                                                # some sets repeat ids
    if d['who'] and d['who'] not in ('user', 'assistant'):
        item['name'] = d['who']
    return item


def call(o, method, path, body=None, seconds=None):
    """One request; waits and tries again when the server says that it is busy."""
    data = None if body is None else json.dumps(body).encode()
    headers = {'Content-Type': 'application/json', **({'x-api-key': o.api_key} if o.api_key else {})}
    for attempt in range(8):
        start = time.perf_counter()
        try:
            with urllib.request.urlopen(urllib.request.Request(o.url + path, data, headers, method=method), timeout=120) as r:
                out = r.read()
            if seconds is not None:
                seconds.append(time.perf_counter() - start)
            return json.loads(out) if out else None
        except urllib.error.HTTPError as e:
            text = e.read().decode(errors='replace')[:500]
            if e.code not in (429, 503) or attempt == 7:
                sys.exit('%s %s -> %d %s' % (method, path, e.code, text))
            time.sleep(float(e.headers.get('Retry-After') or 1))


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('set')
    p.add_argument('--url', default='http://127.0.0.1:8000')
    p.add_argument('--api-key')
    p.add_argument('--half', type=int, choices=(0, 1))
    p.add_argument('--limit', type=int, help='only the first N groups')
    p.add_argument('--top-k', type=int, default=20)
    p.add_argument('--param', action='append', default=[], help='a search parameter, name=value')
    p.add_argument('--out', default='run.jsonl')
    p.add_argument('--json', help='append the summary as one JSON line to this file')
    p.add_argument('--keep', action='store_true', help='leave the tenants in the server')
    return p.parse_args()


def percentile(seconds, share):
    return 1000 * sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * share))]


def main():
    o = arguments()
    groups = [g for i, g in enumerate(memeval.load(o.set)['groups']) if o.half is None or i % 2 == o.half][:o.limit]
    literal = re.compile(r'-?[\d.]+|true|false|\{.*\}')
    extra = {k: json.loads(v) if literal.fullmatch(v) else v for k, v in (x.split('=', 1) for x in o.param)}
    name = re.sub(r'\W+', '-', os.path.splitext(os.path.basename(o.set))[0])
    stamp, storing, searching, stored = '%x' % int(time.time()), [], [], 0
    with open(o.out, 'w', encoding='utf-8') as out:
        for n, g in enumerate(groups):
            tenant = 'eval-%s-%s-%d' % (name, stamp, n)
            at = times(g['docs'])
            items = [message(tenant, d, at) for d in g['docs'] if d['text'].strip()]
            for i in range(0, len(items), 200):
                answer = call(o, 'POST', '/v1/messages/batch', {'items': items[i:i + 200]}, storing)
                if answer.get('rejected'):
                    sys.exit('refused: %s' % [x for x in answer['items'] if 'error' in x][:2])
            stored += len(items)
            for q in g['queries']:
                until = {'until': at[q['before']]} if q.get('before') in at else {}
                answer = call(o, 'POST', '/v1/memory/search',
                              {'tenant_id': tenant, 'query': q['text'], 'top_k': o.top_k, **until, **extra}, searching)
                ranked = [x['external_id'].rsplit('#', 1)[0] for x in answer['items'] if x.get('external_id')]
                out.write(json.dumps({'id': q['id'], 'ranked': ranked}) + '\n')
            if not o.keep:
                call(o, 'DELETE', '/v1/tenants/%s/data' % tenant)
            print('\r%d/%d tenants, %d turns, %d questions' % (n + 1, len(groups), stored, len(searching)), end='', file=sys.stderr)
    print(file=sys.stderr)
    print('stored %d turns (batch of 200: p50 %.1f ms, p95 %.1f ms); search p50 %.2f ms, p95 %.2f ms, p99 %.2f ms' % (
        stored, percentile(storing, .5), percentile(storing, .95),
        percentile(searching, .5), percentile(searching, .95), percentile(searching, .99)))
    summary = memeval.summarise(memeval.evaluate(groups, memeval.load_run(o.out)))
    memeval.show('%s%s through %s' % (name, '' if o.half is None else ', half %d' % o.half, o.url), summary)
    if o.json:
        with open(o.json, 'a', encoding='utf-8') as file:
            file.write(json.dumps({'set': name, 'half': o.half, 'params': extra, 'sum': summary}) + '\n')


if __name__ == '__main__':
    main()
