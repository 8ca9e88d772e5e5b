"""A real ComfyUI, its page in a real browser, and the tests that need them: closed when this folder's tests are done."""
