"""HTTP client of stores, which compares responses with their requests.

fsspec takes whatever comes for the part that it has asked for. Caches and proxies are known to
answer a request for a part with the whole object or with another part, and networks with a page
on which to log in. What is used of fsspec's class is what its own ``_cat_file`` consists of:
``set_session``, ``encode_url``, ``kwargs``, and of its insides ``_process_limits`` and
``_raise_not_found_for_status`` (written for fsspec 2025.9 to 2026.9). fsspec would have to compare
Content-Range itself.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

from fsspec.implementations.http import HTTPFileSystem

from xarray_atlas.io.zarr.addresses import without_secrets
from xarray_atlas.io.zarr.answers import LARGEST, check_page, check_range, check_size, part_of_whole

__all__ = ["CheckedHTTPFileSystem"]

BLOCK = 1 << 20


class CheckedHTTPFileSystem(HTTPFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Read over HTTP, and raise an OSError if the response does not match the request."""

    async def set_session(self) -> Any:
        """Return the session, which is closed when Python ends.

        fsspec closes that of a file system on its own event loop; without it a session on
        zarr's writes to stderr at the end that it was not closed.
        """
        is_new = self._session is None
        session = await super().set_session()
        if is_new and self.asynchronous:
            weakref.finalize(self, self.close_session, asyncio.get_running_loop(), session)
        return session

    async def _cat_file(
        self, url: str, start: int | None = None, end: int | None = None, **kwargs: Any
    ) -> bytes:
        if start == end and start is not None:
            return b""
        keywords = {**self.kwargs, **kwargs}
        # lengths and ranges are those of what is stored, not of what is sent compressed
        headers = {"Accept-Encoding": "identity", **keywords.pop("headers", {})}
        asked = None
        if start is not None or end is not None:
            asked = headers["Range"] = await self._process_limits(url, start, end)
        session = await self.set_session()
        request = session.get(self.encode_url(url), headers=headers, **keywords)
        async with request as response:
            _check_redirect(response, url)
            self._raise_not_found_for_status(response, url)
            content = await _read(response)
            check_page(content, response.headers.get("Content-Type", ""))
            if asked is None:
                if response.status != 200:
                    raise OSError(f"the server answered with status {response.status}, not 200")
                return content
            if response.status == 206:
                check_range(asked, response.headers.get("Content-Range"), len(content))
                return content
            if response.status != 200:
                raise OSError(f"the server answered with status {response.status}, not 206")
            return part_of_whole(asked, content)


def _check_redirect(response: Any, url: str) -> None:
    """Distinguish an absent object from a page to which a request was redirected.

    A server that redirects all that it is asked for keeps what the objects are called.
    """
    name = url.rpartition("/")[2]
    if response.status == 404 and response.history and response.url.name != name:
        place = without_secrets(str(response.url))
        raise OSError(f"the server redirects to {place}, where there is nothing")


async def _read(response: Any) -> bytes:
    """Read a body whole, and no further than an object may be long."""
    limit = LARGEST.get()
    if limit is None:
        content: bytes = await response.read()
        return content
    check_size(response.content_length)
    blocks, length = [], 0
    async for block in response.content.iter_chunked(BLOCK):
        blocks.append(block)
        length += len(block)
        check_size(length)
    return b"".join(blocks)
