"""docs/zoo.md: the table between two marks."""

BEGIN, END = "<!-- written by `make parity` -->", "<!-- end -->"

HEADER = [
    "| network | image | parameters: ours | theirs | MACs | engine | ONNX Runtime | training step | import: TorchScript | dynamo |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
]


def line(row):
    ours, theirs = (f"{count:,}".replace(",", " ") for count in row.parameters)
    macs = f"{row.macs / 1e6:,.1f} M".replace(",", " ")
    differences = [f"{value:.1e}" for value in (row.engine, row.onnx_runtime, row.step)]
    cells = [f"`{row.network}`", f"{row.size}×{row.size}", ours, theirs, macs, *differences, *row.imports]
    return "| " + " | ".join(cells) + " |"


def write(path, order, rows):
    """Puts the rows into the table, in place of older ones of the same networks."""
    before, rest = path.read_text().split(BEGIN)
    table, after = rest.split(END)
    lines = {text.split("`")[1]: text for text in table.splitlines() if text.startswith("| `")}
    lines |= {row.network: line(row) for row in rows}
    table = "\n".join([BEGIN, "", *HEADER, *(lines[name] for name in order if name in lines), "", END])
    path.write_text(before + table + after)
