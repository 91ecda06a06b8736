// SPDX-License-Identifier: MIT OR Apache-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "picture.h"

void fail(const char *format, ...)
{
	va_list arguments;

	fputs("Bail out! ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(2);
}
