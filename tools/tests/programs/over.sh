# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# What the scripts share that run programs in the guest, with llvmpipe and with asahi. For sourcing there.

RESULTS=/mnt/share/results

# lay_over NAME: lays the image over /usr, and does what scripts of packages would have done.
lay_over() {
	mkdir -p /mnt/share/frames "/mnt/overlay/$1" /etc/fonts
	touch $RESULTS
	mount -t erofs -o ro "/mnt/share/$1.image" "/mnt/overlay/$1" &&
		mount -t overlay overlay -o "lowerdir=/mnt/overlay/$1:/usr" /usr || exit 1
	[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
	cat >/etc/fonts/fonts.conf <<-T
		<?xml version="1.0"?>
		<fontconfig><dir>/usr/share/fonts</dir><cachedir>/run/fonts</cachedir></fontconfig>
	T
}

# missing NAME: whether it has no result.
missing() {
	! cut -f 3 $RESULTS | grep -qxF "$1"
}

# frames_of NAME: the beginning of the names of a program's pictures.
frames_of() {
	echo "/mnt/share/frames/$(tr -c 'a-zA-Z0-9\n' _ <<<"$1")"
}

# failed FILE STATUS COMMAND…: notes what a command said that has failed.
failed() {
	local file=$1 status=$2
	shift 2
	{
		echo "# $*: status $status"
		tail -n 25 "$file"
	} >>/mnt/share/log
}

# result NAME LLVMPIPE ASAHI [PICTURE PICTURE DIFFERENCE]: adds the line of a program. If both have passed, the pictures have to agree
# (pictures/compare.c).
result() {
	local here=$3 figures=''
	if [ "$2 $3" = "pass pass" ] && [ $# -gt 3 ]; then
		figures=$(/mnt/share/compare-pictures "$4" "$5" --within 3 --difference "$6" 2>&1) || here=differs
	fi
	printf '%s\t%s\t%s\t%s\n' "$2" "$here" "$1" "$figures" >>$RESULTS
}
