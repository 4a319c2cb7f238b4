"""The style sheet of the HTML report: one file, no resources, light and dark, desk and phone."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  --paper: #fbfaf8; --card: #fff; --ink: #1d1f24; --soft: #62676f; --line: #e4e1db;
  --bad: #b3261e; --bad-soft: #fbe9e7; --warn: #8a5a00; --warn-soft: #fdf2da;
  --note: #3a5a8c; --note-soft: #e9f0fa; --good: #1b6e3c; --good-soft: #e4f3e9;
  --bar: #3a5a8c; --track: #ebe8e2;
  --c-empty: #f3f1ec; --c0: #d5d9df; --c1: #f7c98b; --c2: #ee9350; --c3: #d95a2b; --c4: #9c1f10;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15171b; --card: #1d2025; --ink: #e8e6e1; --soft: #9aa0a8; --line: #30343b;
    --bad: #ff8a80; --bad-soft: #3b1f1d; --warn: #f3c063; --warn-soft: #362a12;
    --note: #9dbcf0; --note-soft: #1c2a40; --good: #7fd6a0; --good-soft: #16301f;
    --bar: #7aa2e0; --track: #2b2f36;
    --c-empty: #22252a; --c0: #3b4048; --c1: #7a5424; --c2: #b0662a; --c3: #de6f36; --c4: #ffab8a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.05rem; font-weight: 600; margin: 0 0 1rem; color: var(--soft); }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; letter-spacing: -.01em; }
h3 { font-size: 1rem; margin: 0; }
p { margin: .4rem 0; }
.soft { color: var(--soft); font-size: .9rem; }
code, .mono {
  font-family: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace;
  font-size: .875em; overflow-wrap: anywhere;
}
.verdict { border-radius: 14px; padding: 1.25rem 1.4rem; border-left: 6px solid; }
.verdict strong { display: block; font-size: 1.5rem; line-height: 1.25; letter-spacing: -.01em; }
.verdict ul { list-style: none; margin: .8rem 0 0; padding: 0; }
.bad { background: var(--bad-soft); border-color: var(--bad); }
.bad strong, .is-bad { color: var(--bad); }
.warn { background: var(--warn-soft); border-color: var(--warn); }
.warn strong, .is-warn { color: var(--warn); }
.good { background: var(--good-soft); border-color: var(--good); }
.good strong, .is-good { color: var(--good); }
.is-note { color: var(--note); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 1rem 1.15rem; margin: 0 0 .75rem; }
details.card { padding: 0; }
details.card > summary { cursor: pointer; padding: .8rem 1.15rem; display: flex; gap: .7rem;
  align-items: baseline; list-style: none; }
details.card > summary::-webkit-details-marker { display: none; }
details.card > summary::after { content: "+"; margin-left: auto; color: var(--soft); }
details[open].card > summary::after { content: "–"; }
details.card > div { padding: 0 1.15rem 1rem; }
.code { font-weight: 700; font-size: .8rem; padding: .1rem .45rem; border-radius: 6px;
  white-space: nowrap; align-self: center; }
.code.failure { background: var(--bad-soft); color: var(--bad); }
.code.warning { background: var(--warn-soft); color: var(--warn); }
.code.note { background: var(--note-soft); color: var(--note); }
.advice { border-left: 3px solid var(--line); padding-left: .8rem; margin-top: .8rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .8rem; }
td { min-width: 9rem; }
th, td { padding: .4rem .9rem .4rem 0; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; }
td.is-good { white-space: nowrap; }
td.num, th.num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.phases { list-style: none; margin: 0; padding: 0; }
.phases li { position: relative; padding: 0 0 1.1rem 1.5rem; }
.phases li::before { content: ""; position: absolute; left: .3rem; top: .45rem; width: .65rem;
  height: .65rem; border-radius: 50%; background: var(--good); }
.phases li.failed::before { background: var(--bad); }
.phases li:not(:last-child)::after { content: ""; position: absolute; left: .58rem; top: 1.3rem;
  bottom: -.2rem; width: 2px; background: var(--line); }
.row { display: flex; flex-wrap: wrap; gap: .2rem 1rem; justify-content: space-between; }
.bar { height: .6rem; border-radius: .3rem; background: var(--track); overflow: hidden;
  margin: .3rem 0; display: flex; }
.bar i { display: block; background: var(--bar); min-width: 3px; }
.bar i + i { border-left: 1px solid var(--card); }
.bar.hot i { background: var(--bad); }
.map { width: 100%; height: auto; display: block; margin: .6rem 0; }
.map rect { fill: var(--c-empty); }
.map .l0 { fill: var(--c0); } .map .l1 { fill: var(--c1); } .map .l2 { fill: var(--c2); }
.map .l3 { fill: var(--c3); } .map .l4 { fill: var(--c4); }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1rem; font-size: .82rem; color: var(--soft); }
.key i { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px;
  vertical-align: -1px; margin-right: .35rem; }
.glance { display: grid; gap: .75rem; margin: .75rem 0 0;
  grid-template-columns: repeat(auto-fit, minmax(min(11rem, 45%), 1fr)); }
.glance .card { margin: 0; padding: .7rem 1rem; }
.glance span, .glance b { display: block; }
.glance b { font-size: 1.2rem; letter-spacing: -.01em; }
.charts { display: grid; gap: .75rem; margin: 0 0 .75rem;
  grid-template-columns: repeat(auto-fit, minmax(min(17rem, 100%), 1fr)); }
.charts .card { margin: 0; }
figure { margin: 0; }
.chart { width: 100%; height: auto; display: block; }
.chart .axis { stroke: var(--line); }
.chart .fit { fill: none; stroke: var(--bar); stroke-width: 2; }
.chart .ahead { stroke-dasharray: 4 4; opacity: .7; }
.chart .limit { stroke: var(--bad); stroke-dasharray: 2 3; }
.chart circle { fill: var(--bar); }
.chart .hit { fill: var(--card); stroke: var(--bad); stroke-width: 2; }
.chart text { font-size: 11px; fill: var(--soft); }
.chart text.limit { fill: var(--bad); stroke: none; }
.chart .tick { text-anchor: middle; }
.chart .end { text-anchor: end; }
.functions td { min-width: 0; }
.functions td.num { padding-left: .5rem; }
.flames { overflow-x: auto; margin: .6rem 0; }
.flames svg { width: 100%; min-width: 44rem; height: auto; display: block; }
.flames text { font: 11px ui-monospace, monospace; fill: #1d2329; }
summary { cursor: pointer; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
@media (max-width: 40rem) {
  main { padding: 1rem .8rem 3rem; }
  .verdict strong { font-size: 1.2rem; }
  .glance b { font-size: 1rem; }
  thead { display: none; }
  table, tbody, tr, td { display: block; width: 100%; }
  tr { border-top: 1px solid var(--line); padding: .5rem 0; }
  tr:first-child { border-top: 0; }
  td, td.num { border: 0; min-width: 0; padding: .05rem 0; text-align: left; white-space: normal; }
  td[data-name]::before { content: attr(data-name) "  "; color: var(--soft); font-size: .8rem; }
  td:empty { display: none; }
}
@media print { details.card > div { display: block; } body { background: #fff; } }
"""
