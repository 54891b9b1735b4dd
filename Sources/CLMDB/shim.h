// What lmdb.h keeps to itself and Swift needs: the layout of a page's first bytes.
//
// The structures are private to LMDB's mdb.c; the data format has been the same in every release
// of the 0.9 series (MDB_DATA_VERSION 1), and TenureLMDB checks both numbers before it relies on
// them. Everything else comes from the header of the installed library as it is.

#ifndef TENURE_CLMDB_SHIM_H
#define TENURE_CLMDB_SHIM_H

#include <lmdb.h>

/// The first four bytes of a meta page's body.
static const unsigned int TENURE_MDB_MAGIC = 0xBEEFC0DEU;

/// The data format that follows the magic number.
static const unsigned int TENURE_MDB_DATA_VERSION = 1U;

/// Flags of a page: an inner page, a leaf, a value of its own, a meta page.
static const unsigned short TENURE_MDB_P_BRANCH = 0x01;
static const unsigned short TENURE_MDB_P_LEAF = 0x02;
static const unsigned short TENURE_MDB_P_OVERFLOW = 0x04;
static const unsigned short TENURE_MDB_P_META = 0x08;

#endif
