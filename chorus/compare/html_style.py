"""Style sheet of the page of `chorus diff`, for light and dark screens."""

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --line: #e2e5ea; --ink: #1b1f27; --soft: #626b7a;
  --same: 46 125 107; --other: 196 84 51; --gain: #2e7d6b; --loss: #c45433; --pill: #eef0f4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171c; --card: #1c2027; --line: #2f3540; --ink: #e7eaf0; --soft: #99a3b3;
    --same: 88 184 162; --other: 232 125 92; --gain: #58b8a2; --loss: #e87d5c; --pill: #2a303a;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 68rem;
  background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums; }
h1 { margin: 0; font-size: 1.6rem; font-weight: 650; letter-spacing: -.01em; }
h1 span, .soft { color: var(--soft); }
h2 { margin: 3rem 0 1rem; font-size: 1.25rem; }
h2 small { margin-left: .5rem; color: var(--soft); font-weight: 400; font-size: .85rem; }
h3 { margin: 0 0 .8rem; font-size: .78rem; font-weight: 600; letter-spacing: .06em;
  text-transform: uppercase; color: var(--soft); }
p { margin: .4rem 0 0; }
section, .figures > div { background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; }
section { padding: 1.2rem 1.3rem; margin-top: 1rem; overflow-x: auto; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: 1rem; }
.figures > div { padding: .9rem 1.2rem 1rem; }
.figures b { display: block; font-size: 1.7rem; font-weight: 600;
  letter-spacing: -.02em; line-height: 1.3; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th { padding: .3rem .7rem; text-align: left; font-weight: 500; color: var(--soft);
  font-size: .85rem; white-space: nowrap; }
td { padding: .4rem .7rem; border-top: 1px solid var(--line); vertical-align: top; }
.n { text-align: right; white-space: nowrap; }
.gain { color: var(--gain); } .loss { color: var(--loss); } .zero { color: var(--soft); }
.matrix td { text-align: right; min-width: 4.5rem; border: 2px solid var(--card);
  border-radius: 6px; }
.matrix th { text-align: right; } .matrix th:first-child { text-align: left; color: var(--ink); }
.bar { display: flex; gap: 2px; min-width: 8rem; height: 1.4em; align-items: center; }
.bar i { display: block; height: .5em; border-radius: 2px; background: var(--gain); }
.bar span { flex: 1; display: flex; } .bar span:first-child { justify-content: flex-end; }
.bar span:first-child i { background: var(--loss); }
.pill { display: inline-block; margin: 0 .2rem .15rem 0; padding: 0 .5rem; border-radius: 1rem;
  background: var(--pill); font-size: .86rem; white-space: nowrap; }
.moved td:last-child { min-width: 18rem; overflow-wrap: anywhere; white-space: pre-line; }
.moved td:nth-child(2) { min-width: 6rem; max-width: 12rem; overflow-wrap: anywhere; }
.odds { margin-top: .15rem; color: var(--soft); font-size: .8rem; white-space: nowrap; }
"""
