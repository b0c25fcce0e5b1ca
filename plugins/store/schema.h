/* The tables of `index.sqlite`. SL_STORE_VERSION is its `user_version`: whoever changes a table raises it, writes the step from
 * the version before into store.c, and keeps search.c reading what it says it reads. */
#ifndef SL_STORE_SCHEMA_H
#define SL_STORE_SCHEMA_H

#define SL_STORE_FILE "index.sqlite"

enum { SL_STORE_VERSION = 1 };

/* documents: one row a document, by its name. chunks: its pieces in order, `label` is the part of a chunk's id behind '#';
 * `vector` is float32 little-endian of documents.dimension. words: the full text of the chunks, kept equal by the two triggers.
 * nodes and edges: the graph; an edge belongs to the document that claims it, so that a new version of a document replaces
 * exactly what the old one said; `mentions` counts how often it was found. */
#define SL_STORE_SCHEMA                                                                                                     \
    "CREATE TABLE documents(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, model TEXT NOT NULL DEFAULT '',"             \
    " dimension INTEGER NOT NULL DEFAULT 0);"                                                                               \
    "CREATE TABLE chunks(id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents(id),"                       \
    " position INTEGER NOT NULL, label TEXT NOT NULL, section TEXT NOT NULL, title TEXT NOT NULL, start INTEGER NOT NULL,"  \
    " end INTEGER NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL, UNIQUE(document, position));"                         \
    "CREATE VIRTUAL TABLE words USING fts5(text, content='chunks', content_rowid='id',"                                     \
    " tokenize='unicode61 remove_diacritics 2');"                                                                           \
    "CREATE TRIGGER chunk_added AFTER INSERT ON chunks BEGIN"                                                               \
    " INSERT INTO words(rowid, text) VALUES(new.id, new.text); END;"                                                        \
    "CREATE TRIGGER chunk_removed AFTER DELETE ON chunks BEGIN"                                                             \
    " INSERT INTO words(words, rowid, text) VALUES('delete', old.id, old.text); END;"                                       \
    "CREATE TABLE nodes(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, label TEXT NOT NULL, UNIQUE(kind, label));"             \
    "CREATE TABLE edges(document INTEGER NOT NULL REFERENCES documents(id), source INTEGER NOT NULL REFERENCES nodes(id),"  \
    " predicate TEXT NOT NULL, target INTEGER NOT NULL REFERENCES nodes(id), mentions INTEGER NOT NULL,"                    \
    " block TEXT NOT NULL, PRIMARY KEY(document, source, predicate, target)) WITHOUT ROWID;"                                \
    "CREATE INDEX edges_by_source ON edges(source);"                                                                        \
    "CREATE INDEX edges_by_target ON edges(target);"

#endif
