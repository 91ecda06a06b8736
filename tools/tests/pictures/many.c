// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Draws frames of so many triangles that a tiled vertex buffer of the usual size has no room for
 * them, and judges all pixels. What a frame has to keep while it is shaded in parts is used: a
 * rectangle for each pixel is drawn, then a farther one of another colour, which is not seen, and
 * then one that is added to the first where the stencil says so.
 *
 * usage: gl-many RENDERER FRAMES
 *
 * RENDERER is a part of GL_RENDERER. Prints TAP: each frame without and with multisampling.
 */
#include <stdio.h>
#include <stdlib.h>

#include <EGL/egl.h>
#include <GLES3/gl3.h>

#include "picture.h"
#include "surfaceless.h"

/* No multiple of a tile's size. */
#define SIDE_X 130
#define SIDE_Y 90
#define QUADS (SIDE_X * SIDE_Y)

/* Corners of the rectangle of each pixel, by the vertex's number. */
static const char vertex_text[] =
	"#version 300 es\n"
	"uniform float depth;\n"
	"uniform int pass;\n"
	"flat out highp vec4 v;\n"
	"void main() {\n"
	"	int quad = gl_VertexID / 6, corner = gl_VertexID % 6;\n"
	"	ivec2 cell = ivec2(quad % 130, quad / 130);\n"
	"	ivec2 at = cell + ivec2(0x2a >> corner & 1, 0x34 >> corner & 1);\n"
	"	gl_Position = vec4(vec2(at) / vec2(65.0, 45.0) - 1.0, depth, 1.0);\n"
	"	if (pass == 0)\n"
	"		v = vec4(vec2(cell), float((cell.x ^ cell.y) & 127), 255.0);\n"
	"	else if (pass == 1)\n"
	"		v = vec4(255.0, 255.0, 255.0, 0.0);\n"
	"	else\n"
	"		v = vec4(100.0, 50.0, 25.0, 0.0);\n"
	"	v /= 255.0;\n"
	"}\n";
static const char fragment_text[] =
	"#version 300 es\n"
	"precision highp float;\n"
	"flat in vec4 v;\n"
	"out vec4 colour;\n"
	"void main() { colour = v; }\n";

static GLint depth_uniform, pass_uniform;

static void use_program(void)
{
	GLuint program = link_program(vertex_text, fragment_text);

	glUseProgram(program);
	depth_uniform = glGetUniformLocation(program, "depth");
	pass_uniform = glGetUniformLocation(program, "pass");
}

static GLuint make_framebuffer(GLsizei samples)
{
	static const GLenum formats[] = { GL_RGBA8, GL_DEPTH24_STENCIL8 };
	static const GLenum where[] = { GL_COLOR_ATTACHMENT0, GL_DEPTH_STENCIL_ATTACHMENT };
	GLuint framebuffer, buffers[2];

	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glGenRenderbuffers(2, buffers);
	for (int i = 0; i < 2; i++) {
		glBindRenderbuffer(GL_RENDERBUFFER, buffers[i]);
		glRenderbufferStorageMultisample(GL_RENDERBUFFER, samples, formats[i], SIDE_X,
						 SIDE_Y);
		glFramebufferRenderbuffer(GL_FRAMEBUFFER, where[i], GL_RENDERBUFFER, buffers[i]);
	}
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		fail("the framebuffer is not complete");
	return framebuffer;
}

static void draw_pass(int pass, float depth)
{
	glUniform1f(depth_uniform, depth);
	glUniform1i(pass_uniform, pass);
	glDrawArrays(GL_TRIANGLES, 0, QUADS * 6);
}

static void draw_frame(void)
{
	glViewport(0, 0, SIDE_X, SIDE_Y);
	glDisable(GL_BLEND);
	glDisable(GL_DITHER);
	glEnable(GL_DEPTH_TEST);
	glDepthFunc(GL_LESS);
	glEnable(GL_STENCIL_TEST);
	glStencilFunc(GL_ALWAYS, 0, 255);
	glStencilOp(GL_KEEP, GL_KEEP, GL_INCR);
	glClearColor(1, 0, 1, 1);
	glClear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT | GL_STENCIL_BUFFER_BIT);
	draw_pass(0, -0.5f);
	glStencilOp(GL_KEEP, GL_KEEP, GL_INVERT);
	draw_pass(1, 0.5f);
	/* Once each, as the first pass has counted to one. */
	glStencilFunc(GL_EQUAL, 1, 255);
	glStencilOp(GL_KEEP, GL_KEEP, GL_INCR);
	glEnable(GL_BLEND);
	glBlendFunc(GL_ONE, GL_ONE);
	draw_pass(2, -0.75f);
	draw_pass(2, -0.875f);
}

static int judge(const char *what, int frame)
{
	static uint8_t pixels[QUADS][4];
	int wrong = 0;

	glReadPixels(0, 0, SIDE_X, SIDE_Y, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	for (int i = 0; i < QUADS; i++) {
		int x = i % SIDE_X, y = i / SIDE_X;
		int wanted[] = { x + 100, y + 50, ((x ^ y) & 127) + 25, 255 };

		for (int c = 0; c < 4; c++) {
			if (pixels[i][c] == wanted[c])
				continue;
			if (!wrong++)
				printf("# pixel %d, %d, channel %d is %d, not %d\n", x, y, c,
				       pixels[i][c], wanted[c]);
			break;
		}
	}
	if (wrong)
		printf("# %d of %d pixels are wrong\n", wrong, QUADS);
	if (glGetError()) {
		puts("# GL reports an error");
		wrong++;
	}
	printf("%sok many triangles: frame %d %s\n", wrong ? "not " : "", frame, what);
	fflush(stdout);
	return wrong;
}

int main(int argc, char **argv)
{
	GLuint plain, sampled, array;
	int bad = 0, frames;

	if (argc != 3 || (frames = atoi(argv[2])) < 1) {
		fputs("usage: gl-many RENDERER FRAMES\n", stderr);
		return 2;
	}
	open_surfaceless(argv[1]);
	printf("# %s: %s\n", glGetString(GL_RENDERER), glGetString(GL_VERSION));
	use_program();
	glGenVertexArrays(1, &array);
	glBindVertexArray(array);
	plain = make_framebuffer(0);
	sampled = make_framebuffer(4);
	for (int i = 1; i <= frames; i++) {
		glBindFramebuffer(GL_FRAMEBUFFER, plain);
		draw_frame();
		bad |= judge("as it is", i);
		glBindFramebuffer(GL_FRAMEBUFFER, sampled);
		draw_frame();
		glBindFramebuffer(GL_DRAW_FRAMEBUFFER, plain);
		glBlitFramebuffer(0, 0, SIDE_X, SIDE_Y, 0, 0, SIDE_X, SIDE_Y, GL_COLOR_BUFFER_BIT,
				  GL_NEAREST);
		glBindFramebuffer(GL_FRAMEBUFFER, plain);
		bad |= judge("with four samples", i);
	}
	return bad != 0;
}
