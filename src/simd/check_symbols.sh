#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#   check_symbols.sh NM OBJECT...    with all object files of this folder
# Fails when an object file of the kernels exports anything but its table. Those of other machines are empty.
# A weak symbol there, compiled for AVX-512, could become the whole program's copy: an illegal instruction elsewhere.
set -u
nm=$1
shift
seen=0
for object in "$@"; do
  case $object in *kernels_generic*|*kernels_avx*|*kernels_neon*) ;; *) continue ;; esac
  seen=$((seen + 1))
  symbols=$("$nm" --defined-only --extern-only "$object" | grep -v 'Kernels[E]*$')
  if [ -n "$symbols" ]; then
    echo "$object: error: only the kernel table may be visible, but there are:"
    echo "$symbols"
    exit 1
  fi
done
if [ "$seen" -ne 10 ]; then
  echo "expected 10 object files of kernels, got $seen"
  exit 1
fi
