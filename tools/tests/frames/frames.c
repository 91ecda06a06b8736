// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * One frame of a stock program that draws with EGL, as a file. Preloaded into the program, this
 * library counts its eglSwapBuffers() and writes frame $FRAME to $FRAME_FILE. The program, and
 * nothing else in the process, is told a time that depends on the count alone: what is in a frame
 * is the same on each driver, however fast that is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES3/gl3.h>

#include "../pictures/picture.h"

#define NSEC_PER_SEC 1000000000ull
#define FRAMES_PER_SECOND 30
/* The program's clock at its first frame. */
#define START (1000 * NSEC_PER_SEC)

static unsigned int frames;

_Noreturn void fail(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "frames: ");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

/* The function that others would have got. Version 2.17 is the first that arm64 has. */
static void *next(const char *name)
{
	void *function = dlvsym(RTLD_NEXT, name, "GLIBC_2.17");

	if (!function)
		fail("no function %s", name);
	return function;
}

static void *real_dlsym(void *handle, const char *name)
{
	static void *(*real)(void *, const char *);

	if (!real)
		real = next("dlsym");
	/* A tail call: for RTLD_NEXT it matters from where it came. */
	return real(handle, name);
}

struct range {
	uintptr_t start, end;
};

/* The program comes first. */
static int first_object(struct dl_phdr_info *info, size_t size, void *data)
{
	struct range *range = data;

	(void)size;
	range->start = UINTPTR_MAX;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + header->p_vaddr;

		if (header->p_type != PT_LOAD)
			continue;
		if (start < range->start)
			range->start = start;
		if (start + header->p_memsz > range->end)
			range->end = start + header->p_memsz;
	}
	return 1;
}

static bool of_program(const void *caller)
{
	static struct range program;

	if (!program.end)
		dl_iterate_phdr(first_object, &program);
	return (uintptr_t)caller >= program.start && (uintptr_t)caller < program.end;
}

static uint64_t now(void)
{
	return START + frames * NSEC_PER_SEC / FRAMES_PER_SECOND;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	static int (*real)(clockid_t, struct timespec *);

	if (of_program(__builtin_return_address(0))) {
		time->tv_sec = now() / NSEC_PER_SEC;
		time->tv_nsec = now() % NSEC_PER_SEC;
		return 0;
	}
	if (!real)
		real = next("clock_gettime");
	return real(clock, time);
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
	static int (*real)(struct timeval *, void *);

	if (of_program(__builtin_return_address(0))) {
		time->tv_sec = now() / NSEC_PER_SEC;
		time->tv_usec = now() % NSEC_PER_SEC / 1000;
		return 0;
	}
	if (!real)
		real = next("gettimeofday");
	return real(time, zone);
}

static void *egl(const char *name)
{
	void *library = dlopen("libEGL.so.1", RTLD_LAZY), *function;

	function = library ? real_dlsym(library, name) : NULL;
	if (!function)
		fail("EGL has no %s", name);
	return function;
}

static void *gl(const char *name)
{
	__typeof__(&eglGetProcAddress) get = egl("eglGetProcAddress");
	void *function = (void *)get(name);

	if (!function)
		fail("GL has no %s", name);
	return function;
}

/*
 * Reads the window's picture, whatever the program has bound: a toolkit leaves a framebuffer of
 * several samples, or a buffer for pixels, and errors that it has not asked for. In OpenGL ES 2
 * there is one binding of framebuffers, and none of such buffers. Returns an error of GL, or zero.
 */
static GLenum read_window(EGLint width, EGLint height, uint8_t *pixels)
{
	__typeof__(&glReadPixels) read = gl("glReadPixels");
	__typeof__(&glGetError) error = gl("glGetError");
	__typeof__(&glGetIntegerv) get = gl("glGetIntegerv");
	__typeof__(&glBindFramebuffer) bind = gl("glBindFramebuffer");
	__typeof__(&glBindBuffer) bind_buffer = gl("glBindBuffer");
	GLint to = 0, from = -1, buffer = -1;
	GLenum wrong;

	/* A context that is lost has one for ever. */
	for (int i = 0; i < 16 && error(); i++)
		;
	get(GL_FRAMEBUFFER_BINDING, &to);
	get(GL_READ_FRAMEBUFFER_BINDING, &from);
	get(GL_PIXEL_PACK_BUFFER_BINDING, &buffer);
	for (int i = 0; i < 2 && error(); i++)
		;
	bind(GL_FRAMEBUFFER, 0);
	if (buffer > 0)
		bind_buffer(GL_PIXEL_PACK_BUFFER, 0);
	read(0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	wrong = error();
	bind(GL_FRAMEBUFFER, to);
	if (from >= 0)
		bind(GL_READ_FRAMEBUFFER, from);
	if (buffer > 0)
		bind_buffer(GL_PIXEL_PACK_BUFFER, buffer);
	return wrong;
}

static void write_frame(EGLDisplay display, EGLSurface surface, const char *path)
{
	__typeof__(&eglQuerySurface) query = egl("eglQuerySurface");
	__typeof__(&glGetString) string = gl("glGetString");
	struct picture picture;
	EGLint width, height;
	GLenum wrong;

	if (!query(display, surface, EGL_WIDTH, &width) ||
	    !query(display, surface, EGL_HEIGHT, &height))
		fail("a surface without a size");
	picture_create(&picture, width, height);
	wrong = read_window(width, height, picture.pixels);
	if (wrong)
		fail("the frame of %d x %d cannot be read: %#x", width, height, wrong);
	/* A window is opaque, whatever its alpha. */
	for (EGLint i = 0; i < width * height; i++)
		picture.pixels[4 * i + 3] = 255;
	picture_flip(&picture);
	picture_write(&picture, path);
	picture_destroy(&picture);
	fprintf(stderr, "frames: frame %u is by %s\n", frames, (const char *)string(GL_RENDERER));
}

static void frame_is_over(EGLDisplay display, EGLSurface surface)
{
	const char *frame = getenv("FRAME"), *path = getenv("FRAME_FILE");

	if (frame && path && frames == strtoul(frame, NULL, 10))
		write_frame(display, surface, path);
	frames++;
}

EGLBoolean eglSwapBuffers(EGLDisplay display, EGLSurface surface)
{
	static __typeof__(&eglSwapBuffers) real;

	if (!real)
		real = egl("eglSwapBuffers");
	frame_is_over(display, surface);
	return real(display, surface);
}

/* Two extensions have it. Toolkits present only what has changed. */
static PFNEGLSWAPBUFFERSWITHDAMAGEKHRPROC real_damage;

static EGLBoolean swap_damage(EGLDisplay display, EGLSurface surface, const EGLint *rectangles,
			      EGLint count)
{
	frame_is_over(display, surface);
	return real_damage(display, surface, rectangles, count);
}

static void *replacement(const char *name)
{
	if (!strcmp(name, "eglSwapBuffers"))
		return eglSwapBuffers;
	if (!strcmp(name, "eglGetProcAddress"))
		return eglGetProcAddress;
	return NULL;
}

__eglMustCastToProperFunctionPointerType eglGetProcAddress(const char *name)
{
	static __typeof__(&eglGetProcAddress) real;
	void *function = replacement(name);

	if (function)
		return (__eglMustCastToProperFunctionPointerType)function;
	if (!real)
		real = egl("eglGetProcAddress");
	if (strcmp(name, "eglSwapBuffersWithDamageKHR") &&
	    strcmp(name, "eglSwapBuffersWithDamageEXT"))
		return real(name);
	real_damage = (PFNEGLSWAPBUFFERSWITHDAMAGEKHRPROC)real(name);
	return real_damage ? (__eglMustCastToProperFunctionPointerType)swap_damage : NULL;
}

/* Programs that look for EGL's functions themselves. */
void *dlsym(void *restrict handle, const char *restrict name)
{
	void *function = replacement(name);

	return function ? function : real_dlsym(handle, name);
}
