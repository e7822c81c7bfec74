"""The rules of media: allocation, signing, uploads, sizes and deletion of objects."""
