"""Makes the fonts in this folder from Inter's own: `python freeze_features.py DIR_WITH_INTER_OTF`, with fonttools installed.

egui shapes text without optional OpenType features, so the two we want are written into the character map: `tnum` (digits of equal
width, so that numbers do not jump while they change) and `cv11` (the one-storey a). Contextual alternates are dropped, because they
draw "->" as an arrow and a labelling tool shows a text as it is.
"""
import pathlib
import sys

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

FROZEN = ["tnum", "cv11"]
KEPT = ["kern", "mark", "mkmk", "ccmp", "locl"]

for weight in ["Regular", "Medium", "SemiBold", "Bold"]:
    font = TTFont(pathlib.Path(sys.argv[1]) / f"Inter-{weight}.otf")
    gsub = font["GSUB"].table
    replace = {}
    for tag in FROZEN:
        for record in gsub.FeatureList.FeatureRecord:
            if record.FeatureTag != tag:
                continue
            for index in record.Feature.LookupListIndex:
                for table in gsub.LookupList.Lookup[index].SubTable:
                    replace.update(getattr(table, "ExtSubTable", table).mapping)
    unicodes = set()
    for table in font["cmap"].tables:
        table.cmap = {code: replace.get(name, name) for code, name in table.cmap.items()}
        unicodes |= set(table.cmap)
    options = Options(layout_features=KEPT, name_IDs=["*"], notdef_outline=True, hinting=False, desubroutinize=False)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=unicodes)
    subsetter.subset(font)
    font.save(pathlib.Path(__file__).parent / f"Inter-{weight}.otf")
