# Runs a block of Python in the box: with the variables of the block before, the value of its last expression as its result, and what
# is needed to go on after it. Everything here runs inside, as the model's code does; the host only reads REPORT, as text.
import ast, asyncio, importlib, inspect, io, json, linecache, os, pickle, re, subprocess, sys, traceback, types

SOURCE = "/run/job/main"
HOME = os.path.join(os.path.expanduser("~"), ".longhaul")
STATE, REPORT = os.path.join(HOME, "python-state"), os.path.join(HOME, "python-report")
NAME = "<code>"
MAX_TEXT = 20000
MAX_STATE = 256 * 1024 * 1024
MAX_NAMED = 20

main = types.ModuleType("__main__")
main.__dict__["__builtins__"] = __builtins__
space = main.__dict__
sys.modules["__main__"] = main
sources = {}


def note(text):
    sys.stdout.flush()
    print(text, file=sys.stderr, flush=True)


def read_lines(source):
    """Shell lines and magics of notebooks, in code that is no Python as it stands."""
    def shell(match):
        return "%s__import__('subprocess').run(%r, shell=True)" % (match.group(1), match.group(2))
    source = re.sub(r"^([ \t]*)!(.+)$", shell, source, flags=re.MULTILINE)
    return re.sub(r"^([ \t]*)%.*$", r"\1pass", source, flags=re.MULTILINE)


def parse(source):
    try:
        return source, ast.parse(source, NAME)
    except SyntaxError:
        changed = read_lines(source)
        if changed == source:
            raise
        return changed, ast.parse(changed, NAME)


def remember(source, tree):
    """Source of functions and classes: they are kept as text, since they cannot be pickled."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            first = min([node.lineno] + [decorator.lineno for decorator in node.decorator_list])
            sources[node.name] = "\n".join(source.splitlines()[first - 1:node.end_lineno])
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    sources[target.id] = ast.get_source_segment(source, node)


def evaluate(body, mode):
    code = compile(body, NAME, mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    value = eval(code, space)
    return asyncio.run(value) if code.co_flags & inspect.CO_COROUTINE else value


def execute(source):
    source, tree = parse(source)
    linecache.cache[NAME] = (len(source), None, source.splitlines(True), NAME)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    remember(source, tree)
    evaluate(tree, "exec")
    if last is None:
        return []
    value = evaluate(ast.Expression(last.value), "eval")
    if value is None or source.rstrip().endswith(";"):
        return []
    space["_"] = value
    return [repr(value)[:MAX_TEXT]]


# Variables between blocks

def is_source(name, value):
    """A function or class of this name, with whatever its decorators made of it."""
    own = getattr(value, "__module__", None) == "__main__" and getattr(value, "__name__", None) in (name, "<lambda>")
    return own and name in sources and callable(value)


def is_kept(name, value):
    return not name.startswith("__") and not (isinstance(value, types.ModuleType) and value is main)


def dump(values):
    stream = io.BytesIO()
    pickle.Pickler(stream, protocol=5).dump(values)
    return stream.getvalue()


def dump_what_can(values, lost):
    """All in one, so that what two names share stays shared; else without those that fail."""
    try:
        whole = dump(values)
        if len(whole) <= MAX_STATE:
            return whole
    except Exception:
        pass
    sizes = {}
    for name, value in list(values.items()):
        try:
            sizes[name] = len(dump(value))
        except Exception:
            lost.append("%s (%s)" % (name, type(value).__name__))
            del values[name]
    while values and sum(sizes[name] for name in values) > MAX_STATE:
        largest = max(values, key=sizes.get)
        lost.append("%s (%d MB)" % (largest, sizes[largest] >> 20))
        del values[largest]
    return dump(values)


def save():
    kept = {name: value for name, value in space.items() if is_kept(name, value)}
    modules = {name: value.__name__ for name, value in kept.items() if isinstance(value, types.ModuleType)}
    texts = {name: sources[name] for name, value in kept.items() if is_source(name, value)}
    values = {name: value for name, value in kept.items() if name not in modules and name not in texts}
    lost = []
    pickled = dump_what_can(values, lost)
    if not (modules or texts or values):
        if os.path.exists(STATE):
            os.unlink(STATE)
    else:
        with open(STATE + ".new", "wb") as file:
            pickle.dump({"modules": modules, "texts": texts, "values": pickled}, file, protocol=5)
        os.replace(STATE + ".new", STATE)
    if lost:
        more = " and %d more" % (len(lost) - MAX_NAMED) if len(lost) > MAX_NAMED else ""
        note("not kept for the next call: " + ", ".join(lost[:MAX_NAMED]) + more)


def restore():
    if not os.path.isfile(STATE):
        return
    try:
        with open(STATE, "rb") as file:
            state = pickle.load(file)
        modules, texts, pickled = state["modules"], state["texts"], state["values"]
    except Exception as error:
        return note("the variables of earlier calls are lost: %r" % error)
    for name, module in modules.items():
        try:
            space[name] = importlib.import_module(module)
        except Exception as error:
            note("not there any more: %s (%r)" % (name, error))
    sources.update(texts)
    # A class may need a variable and a variable a class: what fails at first is tried again after the other.
    pending = define(list(texts))
    try:
        space.update(pickle.loads(pickled))
    except Exception as error:
        note("the variables of earlier calls are lost: %r" % error)
    for name in define(pending):
        note("not there any more: %s" % name)


def define(names):
    failed = []
    for name in names:
        try:
            exec(compile(sources[name], "<code of %s>" % name, "exec"), space)
        except Exception:
            failed.append(name)
    return failed


def installed():
    from importlib.metadata import distributions
    names = {str(found.metadata["Name"]) for found in distributions()}
    return ", ".join(sorted(names, key=str.lower)[:60])


def describe(error):
    """What the caller is told of an error: its own frames only."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != NAME:
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(error), error, trace))
    if isinstance(error, ModuleNotFoundError):
        note("%s is not installed here, and nothing can be installed: the sandbox has no network. Installed: %s"
            % (error.name, installed()))
    return {"name": type(error).__name__, "value": str(error)[:MAX_TEXT], "traceback": text[-MAX_TEXT:]}


def run():
    os.makedirs(HOME, exist_ok=True)
    sys.argv = [NAME]
    # The workspace comes first, as in a notebook; until here nothing of it could stand in for a module of ours.
    sys.path[0] = ""
    restore()
    results, failure = [], None
    with open(SOURCE, encoding="utf-8") as file:
        source = file.read()
    try:
        results = execute(source)
    except BaseException as error:
        if isinstance(error, SystemExit) and error.code in (None, 0):
            pass
        else:
            failure = describe(error)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    save()
    with open(REPORT, "w", encoding="utf-8", errors="replace") as file:
        json.dump({"results": results, "error": failure}, file)
    return 1 if failure else 0


code = run()
try:
    sys.stdout.flush()
finally:
    # Threads that go on hold up nobody.
    os._exit(code)
