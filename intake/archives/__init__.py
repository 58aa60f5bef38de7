"""Archives: an upload that is a zip archive of one file, and workbooks, which are archives too."""
