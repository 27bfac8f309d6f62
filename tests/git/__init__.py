"""git: real repositories, served by the real ``git http-backend`` on the loopback interface."""
