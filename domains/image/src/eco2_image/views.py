"""From what is known of an upload to what is said of it."""

from __future__ import annotations

from eco2_image.cdn import Addresses
from eco2_image.schemas import ImageView, SignedUpload, UploadView
from eco2_image.states import Picture, Upload
from eco2_image.uploads import Signed


def signed_upload(signed: Signed) -> SignedUpload:
    """What a user needs in order to upload."""
    upload = signed.upload
    return SignedUpload(
        id=upload.id,
        method=upload.method,
        url=signed.url,
        headers=signed.headers,
        fields=signed.fields,
        expires_at=upload.expires_at,
    )


def upload_view(upload: Upload, addresses: Addresses) -> UploadView:
    """What a user sees of an upload."""
    picture = upload.picture
    return UploadView(
        id=upload.id,
        state=upload.state,
        content_type=upload.media,
        created_at=upload.created_at,
        expires_at=upload.expires_at,
        reason=upload.reason,
        size=picture.size if picture else None,
        width=picture.width if picture else None,
        height=picture.height if picture else None,
        url=addresses.url(picture.key) if picture else None,
    )


def image_view(upload: Upload, picture: Picture, addresses: Addresses) -> ImageView:
    """What another domain learns of an image."""
    return ImageView(
        id=upload.id,
        content_type=upload.media,
        size=picture.size,
        sha256=picture.sha256,
        width=picture.width,
        height=picture.height,
        url=addresses.url(picture.key),
    )
