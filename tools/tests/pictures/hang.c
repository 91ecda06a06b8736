// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A client whose vertex or fragment shader never ends, beside one that draws: the fence of the
 * first ends with an error, and what it draws afterwards is right. The second one's frames are
 * right, unless their fences say that they were cancelled, and none is once the first client is
 * through.
 *
 * usage: gl-hang RENDERER [STAGE]
 *
 * RENDERER is a part of GL_RENDERER. Prints TAP. With STAGE, "vertex" or "fragment", it is the
 * first client.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES3/gl3.h>
#include <linux/sync_file.h>

#include "picture.h"
#include "surfaceless.h"

#define SIDE 64
/* Far more than a job may take. */
#define LONGEST_MS (300 * 1000)

/* The loop ends when the uniform is zero; compilers do not know that it is not. */
#define LOOP                                                                                       \
	"	highp float x = 0.5;\n"                                                            \
	"	while (more != 0) x = fract(x * 1.7 + 0.3);\n"
static const char vertex_text[] =
	"#version 300 es\n"
	"void main() {\n"
	"	gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0);\n"
	"}\n";
static const char endless_vertex[] =
	"#version 300 es\n"
	"uniform int more;\n"
	"void main() {\n" LOOP
	"	gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - x, 0.0, 1.0);\n"
	"}\n";
static const char fragment_text[] =
	"#version 300 es\n"
	"precision highp float;\n"
	"uniform vec4 wanted;\n"
	"out vec4 colour;\n"
	"void main() { colour = wanted; }\n";
static const char endless_fragment[] =
	"#version 300 es\n"
	"precision highp float;\n"
	"uniform int more;\n"
	"out vec4 colour;\n"
	"void main() {\n" LOOP
	"	colour = vec4(x);\n"
	"}\n";

static EGLDisplay display;

static void make_framebuffer(void)
{
	GLuint framebuffer, buffer, array;

	glGenVertexArrays(1, &array);
	glBindVertexArray(array);
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glGenRenderbuffers(1, &buffer);
	glBindRenderbuffer(GL_RENDERBUFFER, buffer);
	glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, SIDE, SIDE);
	glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, buffer);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		fail("the framebuffer is not complete");
	glViewport(0, 0, SIDE, SIDE);
}

/* Submits what was drawn, and waits. Returns 0, or the error of its fence. */
static int finish(void)
{
	PFNEGLCREATESYNCKHRPROC create = (void *)eglGetProcAddress("eglCreateSyncKHR");
	PFNEGLDESTROYSYNCKHRPROC destroy = (void *)eglGetProcAddress("eglDestroySyncKHR");
	PFNEGLDUPNATIVEFENCEFDANDROIDPROC get =
		(void *)eglGetProcAddress("eglDupNativeFenceFDANDROID");
	struct sync_file_info info = { 0 };
	struct pollfd wait = { .events = POLLIN };
	EGLSyncKHR sync;

	if (!create || !destroy || !get)
		fail("EGL has no native fences");
	sync = create(display, EGL_SYNC_NATIVE_FENCE_ANDROID, NULL);
	glFlush();
	wait.fd = get(display, sync);
	if (!sync || wait.fd < 0)
		fail("no fence: 0x%x", eglGetError());
	if (poll(&wait, 1, LONGEST_MS) != 1)
		fail("a frame does not end");
	if (ioctl(wait.fd, SYNC_IOC_FILE_INFO, &info))
		fail("a fence without a state");
	close(wait.fd);
	destroy(display, sync);
	return info.status < 0 ? info.status : 0;
}

static bool is_colour(const uint8_t colour[4])
{
	static uint8_t pixels[SIDE * SIDE][4];

	glReadPixels(0, 0, SIDE, SIDE, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	for (int i = 0; i < SIDE * SIDE; i++)
		if (memcmp(pixels[i], colour, 4)) {
			printf("# pixel %d, %d is %d %d %d %d\n", i % SIDE, i / SIDE, pixels[i][0],
			       pixels[i][1], pixels[i][2], pixels[i][3]);
			return false;
		}
	return !glGetError();
}

static int tap(bool good, const char *stage, const char *what)
{
	printf("%sok hang in %s: %s\n", good ? "" : "not ", stage, what);
	fflush(stdout);
	return !good;
}

/* Draws frame @number. Returns the error of its fence, 0, or 1 if it is not right. */
static int draw_frame(GLuint program, unsigned int number)
{
	const uint8_t colour[] = { number, number >> 8, 77, 255 };
	int error;

	glUseProgram(program);
	glUniform4f(glGetUniformLocation(program, "wanted"), colour[0] / 255.0f,
		    colour[1] / 255.0f, colour[2] / 255.0f, 1);
	glClearColor(1, 0, 1, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	glDrawArrays(GL_TRIANGLES, 0, 3);
	error = finish();
	return error ? error : !is_colour(colour);
}

static int hang(const char *renderer, const char *stage)
{
	bool vertex = !strcmp(stage, "vertex");
	GLuint good, endless;
	int bad, error;

	display = open_surfaceless(renderer);
	make_framebuffer();
	good = link_program(vertex_text, fragment_text);
	endless = vertex ? link_program(endless_vertex, fragment_text) :
			   link_program(vertex_text, endless_fragment);
	bad = tap(!draw_frame(good, 1), stage, "a frame before it is right");
	glUseProgram(endless);
	glUniform1i(glGetUniformLocation(endless, "more"), 1);
	glDrawArrays(GL_TRIANGLES, 0, 3);
	error = finish();
	printf("# its fence says %d\n", error);
	bad |= tap(error == -ETIMEDOUT || error == -EIO, stage, "its fence has an error");
	bad |= tap(!draw_frame(good, 2), stage, "a frame after it is right");
	return bad;
}

/* Draws until the other client is through. */
static int draw_beside(const char *renderer, const char *self, GLuint program, const char *stage)
{
	unsigned int frames = 0, cancelled = 0, wrong = 0;
	int status, bad;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child) {
		execl(self, self, renderer, stage, (char *)NULL);
		_exit(127);
	}
	if (child < 0)
		fail("no other process");
	while (!waitpid(child, &status, WNOHANG)) {
		int result = draw_frame(program, frames++);

		cancelled += result == -ECANCELED;
		wrong += result && result != -ECANCELED;
	}
	printf("# %u frames beside it, %u cancelled\n", frames, cancelled);
	bad = tap(WIFEXITED(status) && !WEXITSTATUS(status), stage, "its client ends well");
	bad |= tap(frames > cancelled && !wrong, stage, "another client's frames are right");
	bad |= tap(!draw_frame(program, 3), stage, "another client's frame after it is right");
	return bad;
}

int main(int argc, char **argv)
{
	GLuint program;
	int bad;

	if (argc == 3)
		return hang(argv[1], argv[2]);
	if (argc != 2) {
		fputs("usage: gl-hang RENDERER [STAGE]\n", stderr);
		return 2;
	}
	display = open_surfaceless(argv[1]);
	printf("# %s: %s\n", glGetString(GL_RENDERER), glGetString(GL_VERSION));
	make_framebuffer();
	program = link_program(vertex_text, fragment_text);
	bad = draw_beside(argv[1], argv[0], program, "vertex");
	bad |= draw_beside(argv[1], argv[0], program, "fragment");
	return bad;
}
