//! The icons the app uses, by what they mean here.

use lucide_icons::Icon;

macro_rules! icons {
    ($($name:ident = $icon:ident),* $(,)?) => {$(
        #[doc = concat!("Lucide's `", stringify!($icon), "`.")]
        pub const $name: Icon = Icon::$icon;
    )*};
}

icons! {
    DATA = Rows3, LABELS = Tags, ANNOTATE = SquarePen, TRAIN = ChartLine, EVALUATE = Target, PREVIEW = ScanSearch, EXPORT = PackageOpen,
    MODELS = Boxes, SEARCH = Search, CLOSE = X, CHECK = Check, DOWN = ChevronDown, RIGHT = ChevronRight, UP = ChevronUp, ADD = Plus,
    FLAG = Flag, DELETE = Trash2, OPEN = FolderOpen, FILE = FileText, NOTE = StickyNote, ERROR = CircleAlert, WARNING = TriangleAlert,
    INFO = Info, STOP = Square, UNDO = Undo2, REDO = Redo2, BELL = Bell, THEME = Contrast, PLAY = Play, PAUSE = Pause, SORT_UP = ArrowUp,
    SORT_DOWN = ArrowDown, COPY = Copy, DONE = CircleCheck, TODO = Circle, KEYS = Keyboard, RESET = RotateCcw, GUIDE = FileText,
    GRIP = GripVertical, DOWNLOAD = Download, SPARK = Sparkles, CPU = Cpu, NEW = FolderPlus, MERGE = Merge,
}
