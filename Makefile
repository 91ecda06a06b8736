# SPDX-License-Identifier: MIT OR Apache-2.0
#
# "make help" lists what can be made. The modules themselves are described in Kbuild.

.DEFAULT_GOAL := help
.PHONY: help run test test-all bench bench-gpu desktop lint docs shell modules modules_install package clean

VM := tools/vm/vm

help:
	@echo 'make run                     boot a VM with an emulated M1 GPU and run the main job on it'
	@echo '                         CHIP=t6002 emulates another chip, FIRMWARE=13.5 another firmware of it; the same for'
	@echo '                         shell, desktop and bench-gpu'
	@echo 'make test                    tests of all that a change can break, on the host and in VMs: 21 minutes, more the first time'
	@echo 'make test-all                all tests, and the whole of each: hours; goes on where it was cut off'
	@echo '                         KEEP=1 does not repeat what passed on an earlier tree, and says so'
	@echo 'make bench                   what jobs, queues and SUBMIT cost, beside drm_sched, in guest instructions'
	@echo 'make bench-gpu               scenes of glmark2 and vkmark on the emulated GPU, beside llvmpipe in the guest and outside'
	@echo 'make desktop                 a desktop in the VM, composited by the emulated GPU, for a VNC viewer'
	@echo 'make lint                    formatting, clippy, rustdoc, Sphinx, checkpatch, licence headers, structure, shell scripts'
	@echo 'make docs                    the pages of Documentation/ and the crates'"'"' documentation, into build/docs'
	@echo 'make shell                   a shell in the VM, driver loaded'
	@echo 'make modules KDIR=DIR        build the modules for the configured kernel tree DIR'
	@echo '                         CORE=1 leaves out the driver, SAMPLES=1 adds the samples, EXPORT=all exports all symbols'
	@echo 'make modules_install KDIR=DIR'
	@echo 'make package KDIR=DIR        a Debian package of what was built for DIR, which refuses other kernels'
	@echo 'tools/graft DIR          put the tree into the kernel source DIR, for =y or =m; --remove takes it out'
	@echo 'make clean                   remove what was built in the checkout; the cache stays'
	@echo
	@echo 'Heavy things (toolchain, kernels, guest) are built once and kept in $$ASAHI_CACHE,'
	@echo 'by default ~/.cache/asahi-async. ASAHI_MIRROR overrides the Debian mirror, ASAHI_JOBS the'
	@echo 'number of parallel jobs. tools/vm/vm runs any command in the VM.'

# The chip is of all machines that these start. Nothing else may seem to heed it.
MACHINES := run shell desktop bench-gpu
chip := $(if $(CHIP),ASAHI_CHIP='$(CHIP)') $(if $(FIRMWARE),ASAHI_FIRMWARE='$(FIRMWARE)')
ifneq ($(filter command%,$(origin CHIP) $(origin FIRMWARE)),)
$(if $(filter-out $(MACHINES),$(or $(MAKECMDGOALS),help)),$(error CHIP and FIRMWARE are for $(MACHINES) only; tools/tests/on-chip runs suites on a chip))
endif

run:
	@$(chip) tools/vm/run

test:
	@tools/tests/run

test-all:
	@tools/tests/run --all $(if $(KEEP),--keep)

bench:
	@failed=0; for bench in tools/bench/run tools/bench/nvme/run tools/bench/nova/run; do $$bench || failed=1; done; exit $$failed

bench-gpu:
	@$(chip) tools/bench/gpu

desktop:
	@$(chip) tools/vm/desktop

lint:
	@tools/tests/lint

docs:
	@tools/docs/build

shell:
	@$(chip) $(VM) shell

modules modules_install:
	@tools/vm/modules "$(KDIR)" $@

package:
	@tools/vm/package "$(KDIR)"

clean:
	rm -rf build rust/target tools/agxemu/target
