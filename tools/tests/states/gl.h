/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * OpenGL 4.3, of which EGL gives the functions.
 */
#ifndef TESTS_STATES_GL_H
#define TESTS_STATES_GL_H

#include <GL/glcorearb.h>

#include "states.h"

/* Type of the function and its name without "gl". */
#define FUNCTIONS(X)                                                                               \
	X(ATTACHSHADER, AttachShader)                                                              \
	X(BEGINQUERY, BeginQuery)                                                                  \
	X(BINDBUFFER, BindBuffer)                                                                  \
	X(BINDFRAMEBUFFER, BindFramebuffer)                                                        \
	X(BINDRENDERBUFFER, BindRenderbuffer)                                                      \
	X(BINDVERTEXARRAY, BindVertexArray)                                                        \
	X(BLENDCOLOR, BlendColor)                                                                  \
	X(BLENDEQUATIONSEPARATEI, BlendEquationSeparatei)                                          \
	X(BLENDFUNCSEPARATEI, BlendFuncSeparatei)                                                  \
	X(BLITFRAMEBUFFER, BlitFramebuffer)                                                        \
	X(BUFFERDATA, BufferData)                                                                  \
	X(CHECKFRAMEBUFFERSTATUS, CheckFramebufferStatus)                                          \
	X(CLAMPCOLOR, ClampColor)                                                                  \
	X(CLEARBUFFERFI, ClearBufferfi)                                                            \
	X(CLEARBUFFERFV, ClearBufferfv)                                                            \
	X(CLEARBUFFERIV, ClearBufferiv)                                                            \
	X(CLEARBUFFERUIV, ClearBufferuiv)                                                          \
	X(COLORMASKI, ColorMaski)                                                                  \
	X(COMPILESHADER, CompileShader)                                                            \
	X(CREATEPROGRAM, CreateProgram)                                                            \
	X(CREATESHADER, CreateShader)                                                              \
	X(CULLFACE, CullFace)                                                                      \
	X(DELETEBUFFERS, DeleteBuffers)                                                            \
	X(DELETEFRAMEBUFFERS, DeleteFramebuffers)                                                  \
	X(DELETEPROGRAM, DeleteProgram)                                                            \
	X(DELETEQUERIES, DeleteQueries)                                                            \
	X(DELETERENDERBUFFERS, DeleteRenderbuffers)                                                \
	X(DELETESHADER, DeleteShader)                                                              \
	X(DELETEVERTEXARRAYS, DeleteVertexArrays)                                                  \
	X(DEPTHFUNC, DepthFunc)                                                                    \
	X(DEPTHMASK, DepthMask)                                                                    \
	X(DEPTHRANGE, DepthRange)                                                                  \
	X(DISABLE, Disable)                                                                        \
	X(DISABLEI, Disablei)                                                                      \
	X(DRAWARRAYSINSTANCED, DrawArraysInstanced)                                                \
	X(DRAWBUFFERS, DrawBuffers)                                                                \
	X(DRAWELEMENTSINSTANCEDBASEVERTEX, DrawElementsInstancedBaseVertex)                        \
	X(ENABLE, Enable)                                                                          \
	X(ENABLEI, Enablei)                                                                        \
	X(ENABLEVERTEXATTRIBARRAY, EnableVertexAttribArray)                                        \
	X(ENDQUERY, EndQuery)                                                                      \
	X(FRAMEBUFFERRENDERBUFFER, FramebufferRenderbuffer)                                        \
	X(FRONTFACE, FrontFace)                                                                    \
	X(GENBUFFERS, GenBuffers)                                                                  \
	X(GENFRAMEBUFFERS, GenFramebuffers)                                                        \
	X(GENQUERIES, GenQueries)                                                                  \
	X(GENRENDERBUFFERS, GenRenderbuffers)                                                      \
	X(GENVERTEXARRAYS, GenVertexArrays)                                                        \
	X(GETERROR, GetError)                                                                      \
	X(GETPROGRAMIV, GetProgramiv)                                                              \
	X(GETQUERYOBJECTUIV, GetQueryObjectuiv)                                                    \
	X(GETSHADERINFOLOG, GetShaderInfoLog)                                                      \
	X(GETSHADERIV, GetShaderiv)                                                                \
	X(GETSTRING, GetString)                                                                    \
	X(LINKPROGRAM, LinkProgram)                                                                \
	X(LOGICOP, LogicOp)                                                                        \
	X(PIXELSTOREI, PixelStorei)                                                                \
	X(POLYGONMODE, PolygonMode)                                                                \
	X(PRIMITIVERESTARTINDEX, PrimitiveRestartIndex)                                            \
	X(PROVOKINGVERTEX, ProvokingVertex)                                                        \
	X(READBUFFER, ReadBuffer)                                                                  \
	X(READPIXELS, ReadPixels)                                                                  \
	X(RENDERBUFFERSTORAGEMULTISAMPLE, RenderbufferStorageMultisample)                          \
	X(SAMPLEMASKI, SampleMaski)                                                                \
	X(SCISSOR, Scissor)                                                                        \
	X(SHADERSOURCE, ShaderSource)                                                              \
	X(STENCILFUNCSEPARATE, StencilFuncSeparate)                                                \
	X(STENCILMASKSEPARATE, StencilMaskSeparate)                                                \
	X(STENCILOPSEPARATE, StencilOpSeparate)                                                    \
	X(USEPROGRAM, UseProgram)                                                                  \
	X(VERTEXATTRIBDIVISOR, VertexAttribDivisor)                                                \
	X(VERTEXATTRIBIPOINTER, VertexAttribIPointer)                                              \
	X(VERTEXATTRIBPOINTER, VertexAttribPointer)                                                \
	X(VIEWPORT, Viewport)

#define DECLARE(type, name) extern PFNGL##type##PROC gl##name;
FUNCTIONS(DECLARE)

enum kind { UNORM, SRGB, FLOAT, INT, UINT, SNORM };

struct format {
	const char *name;
	GLenum internal;
	enum kind kind;
	uint32_t channels, bits[4];
};

struct blend {
	bool on;
	GLenum equation[2], source[2], destination[2];
	bool mask[4];
};

struct face {
	GLenum function, fail, depth_fail, pass;
	int reference;
	uint32_t mask, write_mask;
};

enum shader { PLAIN, FLAT, DISCARD, DEPTH, FACING, DERIVATIVE, TWO_SOURCES, SHADERS };

struct draw {
	enum shader shader;
	GLenum primitive, indices;
	uint32_t vertices, instances, first;
	bool restart, sloped, bytes;
	struct blend blend[MAX_TARGETS];
	float blend_colour[4];
	bool depth_test, depth_write, depth_clamp, stencil_test, cull, scissor, sample_mask, clip;
	bool first_vertex;
	GLenum depth_function, cull_face, front_face, polygon_mode, logic_op;
	uint32_t mask;
	float range[2];
	struct face face[2];
	int box[4], viewport[4];
};

struct state {
	uint32_t number, samples, targets, draws;
	const struct format *format[MAX_TARGETS];
	GLenum depth;
	/* Colours are 0 or 1, so that each step is exact. */
	bool exact;
	float clear[MAX_TARGETS][4], clear_depth;
	int clear_stencil;
	struct draw draw[MAX_DRAWS];
};

/* The state of a case, which is the same for every renderer. */
void state_choose(struct state *state, struct random *random);
bool draws_lines(const struct draw *draw);
void state_describe(const struct state *state, FILE *file);
/* Sets all of it but what belongs to the framebuffer, which is bound. */
void state_apply(const struct state *state, const struct draw *draw);
/* Draws with a vertex array and a buffer of its own. */
void draw_shapes(const struct state *state, const struct draw *draw, struct random *random);
GLuint make_program(const struct state *state, const struct draw *draw);

#endif
