# Copies the file that the host has put beside the job to its place in the workspace. Runs inside the box, so that links of the
# workspace lead nowhere else.
import json, os, shutil, sys

HOME = os.path.expanduser("~")
with open("/run/job/main", encoding="utf-8") as file:
    asked = json.load(file)
path = os.path.join(HOME, asked["path"])
target = os.path.join(path, asked["name"]) if asked["isFolder"] or os.path.isdir(path) else path
folder = os.path.realpath(os.path.dirname(target))
if folder != HOME and not folder.startswith(HOME + os.sep):
    sys.exit("only files under %s are kept, and %s is not there" % (HOME, target))
try:
    os.makedirs(folder, exist_ok=True)
    place = os.path.join(folder, os.path.basename(target))
    if os.path.islink(place):
        os.unlink(place)
    shutil.copyfile("/run/job/attachment", place)
except OSError as error:
    sys.exit("%s cannot be written: %s" % (target, error.strerror))
print(os.path.normpath(target))
