// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Starts a kernel from the running one, without a reset in between. Processes are not ended before.
 *
 * usage: kexec IMAGE [OPTION]...
 *
 * The new kernel has the command line of the running one, and OPTIONs besides. Returns only if that
 * fails. When all that is left to do is to end the running kernel, "rig: the next kernel" is in its
 * log.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Room for the command line: what arm64 takes. */
#define COMMAND_LINE 2048

static int fail(const char *what)
{
	fprintf(stderr, "kexec: %s: %s\n", what, strerror(errno));
	return 1;
}

/* Appends @text and a blank; false if there is no room. */
static int append(char *line, const char *text)
{
	size_t length = strlen(line);

	if (length + strlen(text) + 2 > COMMAND_LINE)
		return 0;
	sprintf(line + length, "%s ", text);
	return 1;
}

int main(int argc, char **argv)
{
	static const char mark[] = "rig: the next kernel";
	char line[COMMAND_LINE], running[COMMAND_LINE];
	int image, file;
	ssize_t length;

	if (argc < 2) {
		fprintf(stderr, "usage: kexec IMAGE [OPTION]...\n");
		return 2;
	}
	image = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (image < 0)
		return fail(argv[1]);
	file = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	length = file < 0 ? -1 : read(file, running, sizeof(running) - 1);
	if (length < 0)
		return fail("/proc/cmdline");
	close(file);
	running[length] = 0;
	running[strcspn(running, "\n")] = 0;

	line[0] = 0;
	errno = E2BIG;
	if (!append(line, running))
		return fail("command line");
	for (int i = 2; i < argc; i++) {
		if (!append(line, argv[i]))
			return fail("command line");
	}
	if (syscall(SYS_kexec_file_load, image, -1, strlen(line) + 1, line,
		    KEXEC_FILE_NO_INITRAMFS))
		return fail("kexec_file_load");
	file = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (file < 0 || write(file, mark, strlen(mark)) < 0)
		return fail("/dev/kmsg");
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	return fail("reboot");
}
