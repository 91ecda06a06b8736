# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# order: last
# after: models
#
# shellcheck disable=SC2154
# Changes that the models have to notice. In "make test" each mutation has to apply, and each twelfth is run.
if [ "$TIER" = all ]; then
	every=1
else
	every=12
fi
status=0 start=$SECONDS
"$here/mutations" --every $every >"$LOGS/mutations.log" 2>&1 || status=$?
grep '^FAILED' "$LOGS/mutations.log" >&2 || true
count_cargo "mutations that the models notice" "$LOGS/mutations.log" $status $start
